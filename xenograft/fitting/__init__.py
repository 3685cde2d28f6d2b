"""A card and a study become posterior draws: sampling, health, stored fits."""
