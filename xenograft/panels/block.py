"""What of a panel and a card lies where in the block of numbers that the compiled density takes."""

from __future__ import annotations

(
    PRIOR_KIND, PRIOR_NUMBERS, POSITION, EFFECT_AT, BETWEEN_AT, SLOPE_AT, SD_BASELINE_AT, SD_GROWTH_AT, CORRELATION_AT,
    ERROR_AT, HISTORICAL_AT, MODEL_FIRST, HISTORICAL, MODERATOR, UNKNOWN, ANIMAL_ARM, ANIMAL_FIRST, READING_ROW,
    READING_VALUE, READING_BELOW, SCHEDULE_FIRST, SCHEDULE_FIRST_ROW, SCHEDULES, LINEAR, ROWS_OF_COLUMNS, CROSS,
    CROSS_READINGS, SQUARES, MOST_ANIMALS, LEFT_OUT, HIGHEST, DROPPED, TOWARDS,
    ARM_FIRST_EFFECT, ARM_EFFECTS,
) = range(35)  # fmt: skip
"""Tables of the block, in the form of `fitting.block`:

- priors of the coordinates, `POSITION` as of one study and all −1; of each effect (baseline, growth, kills,
  departures) the coordinates of its mean, of its sd between models, and of its slopes on the moderators;
- coordinates of the animals' sds, correlation and errors (by arm), and of the sd of growth of historical models;
- of each model its first animal, whether it is historical, its moderators and which of them are unknown;
- of each animal its arm and first reading; of each reading its row of the columns, its log volume (or log limit) and
  the coordinate of its latent value (−1: measured);
- schedules, each a block of `fitting.block` with dosing days and days of readings, and its first row of the columns;
- whether the columns depend on no parameter, and if so the columns and their cross products by animal;
- the number of animals of the largest model, and models whose readings count for nothing;
- whether together two agents do as much as the better of them; if so, of each arm the effect that counts for nothing
  where its first agent is the better one, and where its second is (−1: none), and of each model what is positive where
  the first is the better one, by effect (all 0: no combination);
- of each arm the effects that its animals show, baseline and growth first.
"""

BASELINE, GROWTH, FIRST_KILL = range(3)
"""Effects of a model, in this order; the kills of all dose levels and the departures of all combinations follow."""
