-- A span that is seen within a second comes in a small part, and most of its price was merging it up: measured with blocks of
-- 10 000 spans, more parts in one merge and merging column by column from the first row on halve it (BENCHMARKING.md).
-- The engine lowers the base by itself where parts grow old, so what is at rest comes to as few parts as before.
ALTER TABLE spans MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE log_records MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE metric_gauge_points MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE metric_sum_points MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE metric_histogram_points MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE metric_exp_histogram_points MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE metric_summary_points MODIFY SETTING merge_selector_base = 12, vertical_merge_algorithm_min_rows_to_activate = 1;
ALTER TABLE span_search MODIFY SETTING merge_selector_base = 12;
ALTER TABLE operation_red_10s MODIFY SETTING merge_selector_base = 12;
ALTER TABLE service_red_10s MODIFY SETTING merge_selector_base = 12;
ALTER TABLE operation_red_1m MODIFY SETTING merge_selector_base = 12;
ALTER TABLE service_red_1m MODIFY SETTING merge_selector_base = 12;
ALTER TABLE operation_red_1h MODIFY SETTING merge_selector_base = 12;
ALTER TABLE service_red_1h MODIFY SETTING merge_selector_base = 12;
