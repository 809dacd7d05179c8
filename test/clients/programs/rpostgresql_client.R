# RPostgreSQL: connect, list, fetch into a data frame.
library(RPostgreSQL)
arguments <- commandArgs(TRUE)
connection <- dbConnect(PostgreSQL(), host = "127.0.0.1", port = as.integer(arguments[1]), user = "eva", dbname = "causeway")
cat("exists", dbExistsTable(connection, c("berlin", "meters")), "\n")
frame <- dbGetQuery(connection, "SELECT id, city, installed FROM berlin.meters WHERE id < 4 ORDER BY id")
cat("rows", nrow(frame), class(frame$id), class(frame$installed), frame$city[3], "\n")
invisible(dbDisconnect(connection))
