"""Pictures and pages a person looks at, made from results; knows no network."""
