-- How an engine goes about a job's dump: JSON; NULL for the defaults, so that rows from before keep their digest.

ALTER TABLE job ADD COLUMN engine_settings TEXT CHECK (engine_settings GLOB '{*}');
