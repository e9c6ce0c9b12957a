# farringtonFlexible of the package surveillance on the series that benchmarks/weekly.py wrote.
# Arguments: series.csv (one series a row, 624 weeks), flags.csv to write (49 weeks a row).
suppressMessages(library(surveillance))
arguments <- commandArgs(trailingOnly = TRUE)
series <- as.matrix(read.csv(arguments[1], header = FALSE))
control <- list(range = 576:624, b = 5, w = 3, noPeriods = 10, reweight = TRUE, weightsThreshold = 2.58,
                pastWeeksNotIncluded = 26, trend = TRUE, pThresholdTrend = 1, thresholdMethod = "nbPlugin",
                alpha = 0.01, verbose = FALSE)
started <- proc.time()[["elapsed"]]
flags <- t(apply(series, 1, function(counts) {
  weekly <- sts(observed = counts, frequency = 52, start = c(2000, 1))
  as.integer(alarms(suppressWarnings(farringtonFlexible(weekly, control = control))))
}))
cat(proc.time()[["elapsed"]] - started, "\n")
write.table(flags, arguments[2], sep = ",", row.names = FALSE, col.names = FALSE)
