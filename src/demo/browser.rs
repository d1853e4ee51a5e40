//! What a person's browser does with a hosted page: opens it, presses a button, is sent on.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A browser without cookies or patience.
pub struct Browser(Client<HttpConnector, Full<Bytes>>);

impl Browser {
    pub fn new() -> Browser {
        Browser(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Opens a page and returns its title.
    pub async fn open(&self, url: &str) -> Result<String> {
        let page = self.get(url).await?;
        let title = page
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"));
        Ok(title.map_or_else(
            || "a page without a title".to_owned(),
            |(title, _)| title.trim().to_owned(),
        ))
    }

    /// What is at an address.
    pub async fn get(&self, url: &str) -> Result<String> {
        let response = self.send(Method::GET, url, "").await?;
        ensure!(
            response.status().is_success(),
            "GET {url} was answered {}",
            response.status()
        );
        let page = response.into_body().collect().await?.to_bytes();
        Ok(String::from_utf8_lossy(&page).into_owned())
    }

    /// Sends the page's form and returns where the browser is sent on to.
    pub async fn submit(&self, url: &str, form: &str) -> Result<String> {
        let response = self.send(Method::POST, url, form).await?;
        ensure!(
            response.status().is_redirection(),
            "POST {url} was answered {}",
            response.status()
        );
        let to = response
            .headers()
            .get(header::LOCATION)
            .context("a redirect to nowhere")?;
        Ok(to.to_str()?.to_owned())
    }

    async fn send(&self, method: Method, url: &str, form: &str) -> Result<Response<hyper::body::Incoming>> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form.to_owned())))?;
        self.0
            .request(request)
            .await
            .with_context(|| format!("cannot reach {url}"))
    }
}
