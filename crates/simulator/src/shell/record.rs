//! Requests written down, for whoever wants to replay them somewhere else.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde_json::json;

/// Where requests are noted; by default nowhere.
#[derive(Clone, Default)]
pub struct Record(Option<Arc<File>>);

impl Record {
    /// Appends to the file, which several processes may share.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: Option<&Path>) -> Result<Record> {
        let Some(path) = path else {
            return Ok(Record::default());
        };
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.with_context(|| format!("cannot note requests in {}", path.display()))?;
        Ok(Record(Some(Arc::new(file))))
    }

    /// A line of JSON: what was asked, without the key it was asked with. `form`: the query of a GET, the body of a POST.
    pub fn note(&self, method: &str, path: &str, form: &str, version: &str, user_agent: &str) {
        let Some(file) = &self.0 else {
            return;
        };
        let line = json!({
            "method": method, "path": path, "form": form, "version": version, "user_agent": user_agent,
        });
        // One write, so that lines of several processes do not mix.
        if let Err(error) = file.as_ref().write_all(format!("{line}\n").as_bytes()) {
            tracing::error!(%error, "a request is not noted");
        }
    }
}
