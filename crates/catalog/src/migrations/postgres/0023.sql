-- Which instances of some studies have a number is known without their rows.
DROP INDEX instance_series;
CREATE INDEX instance_series ON instance (series, number) INCLUDE (id);
