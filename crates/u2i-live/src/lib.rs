//! Events that arrive while a recommender serves, kept in SQLite or PostgreSQL.
