"""Every specification of a project as plain, frozen data. Knows no engine and no data."""
