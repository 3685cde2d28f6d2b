"""From a laboratory's table and study.toml to a Study, or to the sentences that say why not; and back to its folder."""
