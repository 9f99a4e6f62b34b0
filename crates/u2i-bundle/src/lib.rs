//! A trained recall model as a directory of files, each bound by its SHA-256.
