"""Bayesian analysis of mouse xenograft studies: tumour growth, inhibition and drug interaction.

>>> import xenograft as xg
>>> study = xg.read_study("fixtures/her2-four-arm")  # doctest: +SKIP
>>> fits = xg.fit_all(study, xg.read_cards(), seed=1)  # doctest: +SKIP
>>> xg.interaction(fits, xg.compare(fits)).table  # doctest: +SKIP
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
