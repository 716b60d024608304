-- What can be started by name. The artifacts of a launch plan are kept as long as it is, whatever else refers to them.
CREATE TABLE launch_plans (
    key INTEGER PRIMARY KEY,
    project TEXT NOT NULL,
    domain TEXT NOT NULL,
    name TEXT NOT NULL,
    plan_version TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    closure_digest TEXT NOT NULL,
    code_digest TEXT NOT NULL,
    version INTEGER NOT NULL,
    record BLOB NOT NULL,
    UNIQUE (project, domain, name, plan_version)
);
CREATE INDEX launch_plans_by_age ON launch_plans (project, domain, name, created_us, key);
CREATE INDEX launch_plans_by_closure ON launch_plans (closure_digest);
CREATE INDEX launch_plans_by_code ON launch_plans (code_digest);
