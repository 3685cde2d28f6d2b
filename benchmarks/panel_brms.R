# The model of panel-exponential in brms, for what it costs: Rscript benchmarks/panel_brms.R FOLDER [COMBINATION]
#
# FOLDER holds volumes.csv with columns model, animal, arm, day, volume (a panel of one animal or more per model and
# arm); the vehicle is the arm named "untreated" or "vehicle". Effects and priors as of models/panels: baseline, growth,
# kills and departure differ between models, baseline and growth between animals. brms has no censored log volumes beside
# them at this speed, so that volumes below 15 are taken for 15, as reference fits were given them.
# Measured once (brms 2.18, two cores, 4 x (1000 + 1000), LJM716 + trastuzumab): 4,082 processor seconds, worst bulk
# effective sample size 272 (departure), seven divergences: 0.28 a second.

if (!requireNamespace("brms", quietly = TRUE)) {
  cat("brms is not installed here, so that nothing was measured. Install it with install.packages(\"brms\").\n")
  quit(status = 0)
}
suppressPackageStartupMessages(library(brms))

given <- commandArgs(trailingOnly = TRUE)
if (length(given) < 1) stop("say where volumes.csv lies: Rscript panel_brms.R FOLDER [COMBINATION]")
combination <- if (length(given) > 1) given[2] else "LJM716 + trastuzumab"
agents <- strsplit(combination, " + ", fixed = TRUE)[[1]]
stopifnot(length(agents) == 2)

volumes <- read.csv(file.path(given[1], "volumes.csv"), check.names = FALSE)
volumes <- volumes[volumes$arm %in% c("untreated", "vehicle", agents, combination), ]
volumes$volume <- pmax(as.numeric(sub("<", "", volumes$volume)), 15)
volumes$y <- log(volumes$volume / 100)
volumes$animal <- paste(volumes$model, volumes$animal)
volumes$first <- -volumes$day * (volumes$arm %in% c(agents[1], combination))
volumes$second <- -volumes$day * (volumes$arm %in% c(agents[2], combination))
volumes$both <- -volumes$day * (volumes$arm == combination)
controls <- volumes[volumes$arm %in% c("untreated", "vehicle"), ]
follow_up <- median(tapply(controls$day, controls$model, max))

per_day <- function(sd) sprintf("normal(0, %.6f)", sd / follow_up)
kill <- sprintf("normal(%.6f, %.6f)", 1 / follow_up, 3 / follow_up)
priors <- c(
  set_prior("normal(0.5, 1)", class = "b", coef = "Intercept"),
  set_prior("lognormal(-2.6, 0.94)", class = "b", coef = "day"),
  set_prior(kill, class = "b", coef = "first"),
  set_prior(kill, class = "b", coef = "second"),
  set_prior(per_day(2), class = "b", coef = "both"),
  set_prior("normal(0, 0.7)", class = "sd", group = "model", coef = "Intercept"),
  set_prior(per_day(2), class = "sd", group = "model", coef = "day"),
  set_prior(per_day(1), class = "sd", group = "model", coef = "first"),
  set_prior(per_day(1), class = "sd", group = "model", coef = "second"),
  set_prior(per_day(1), class = "sd", group = "model", coef = "both"),
  set_prior("normal(0, 0.5)", class = "sd", group = "animal", coef = "Intercept"),
  set_prior(sprintf("lognormal(%.6f, 0.8)", -0.75 - log(follow_up)), class = "sd", group = "animal", coef = "day"),
  set_prior("lkj(2)", class = "cor", group = "animal"),
  set_prior("normal(0, 0.3)", class = "sigma")
)
formula <- bf(y ~ 0 + Intercept + day + first + second + both +
  (1 + day + first + second + both || model) + (1 + day | animal))

started <- proc.time()
fit <- brm(formula, volumes, prior = priors, chains = 4, iter = 2000, warmup = 1000, cores = 2, seed = 1, refresh = 500)
spent <- proc.time() - started
seconds <- rstan::get_elapsed_time(fit$fit)
parameters <- summary(fit$fit)$summary
own <- grep("^(b_|sd_|cor_|sigma)", rownames(parameters), value = TRUE)
worst <- min(posterior::summarise_draws(as.array(fit, variable = own), "ess_bulk")$ess_bulk, na.rm = TRUE)
cat(sprintf("%d readings of %d models\n", nrow(volumes), length(unique(volumes$model))))
cat(sprintf("sampling %.0f s of processor time in four chains, %.0f s in all\n", sum(seconds), spent[["elapsed"]]))
cat(sprintf("worst bulk effective sample size %.0f: %.2f a second on two cores\n", worst, worst / (sum(seconds) / 2)))
cat(sprintf("departure %.4f (sd %.4f) a day\n", parameters["b_both", "mean"], parameters["b_both", "sd"]))
