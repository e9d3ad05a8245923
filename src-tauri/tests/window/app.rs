//! The running app, driven by WebDriver; every element is named by its `data-testid`.

use std::fs;
use std::future::Future;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::desk::Group;

/// How long a person would wait, and then some: two cores are shared by several tests and their web views.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a screen is looked at while something is awaited.
const GLANCE: Duration = Duration::from_millis(100);

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// The first element of a selector that a person would see.
const VISIBLE: &str = "return [...document.querySelectorAll(arguments[0])].find(e => e.getClientRects().length > 0 \
                       && e.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true })) ?? null";

/// Brings it into the middle, away from what floats over the edges.
const CENTER: &str = "[...document.querySelectorAll(arguments[0])].find(e => e.getClientRects().length > 0) \
                      ?.scrollIntoView({ block: 'center', inline: 'nearest', behavior: 'instant' })";

/// One run of the app.
pub(crate) struct App {
    /// WebDriver, for what the methods here do not say.
    pub(crate) client: Client,
    _driver: Group,
}

impl App {
    /// Starts the app on a bench; use [`Bench::open`].
    pub(crate) async fn start(bench: &Bench) -> Result<Self> {
        let (port, mut driver) = start_driver(bench).await?;
        let mut capabilities = serde_json::Map::new();
        let options = json!({ "application": env!("CARGO_BIN_EXE_berth-desktop") });
        capabilities.insert("tauri:options".to_owned(), options);
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                let state = if driver.runs() { "runs" } else { "has ended" };
                return Err(
                    anyhow!(error).context(format!("no window; tauri-driver {state}; {}", log(bench)))
                );
            }
        };
        let app = Self { client, _driver: driver };
        app.eventually("the first screen", async || {
            app.is_visible("signin-address").await || app.is_visible("nav-sessions").await
        })
        .await
        .with_context(|| log(bench))?;
        Ok(app)
    }

    /// Waits until a condition holds.
    pub(crate) async fn eventually<F: Future<Output = bool>>(
        &self,
        what: &str,
        condition: impl Fn() -> F,
    ) -> Result<()> {
        self.found(what, async || condition().await.then_some(())).await
    }

    /// Waits until a glimpse at the window finds something, and gives it. What is read belongs into the glimpse: the
    /// window may draw anew between two of them.
    async fn found<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        glimpse: impl Fn() -> F,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = glimpse().await {
                return Ok(found);
            }
            if started.elapsed() > PATIENCE {
                let picture = self.picture_of_failure().await;
                bail!("{what} did not come within {} s; see {picture}", PATIENCE.as_secs());
            }
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// The visible element with that test id, when it is there now.
    async fn look(&self, id: &str) -> Option<Element> {
        let found = self.client.execute(VISIBLE, vec![json!(selector(id))]).await.ok()?;
        let reference = found.get(ELEMENT)?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), reference.into()))
    }

    /// Whether an element is on screen now.
    pub(crate) async fn is_visible(&self, id: &str) -> bool {
        self.look(id).await.is_some()
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, id: &str) -> Result<Element> {
        self.found(id, async || self.look(id).await).await
    }

    /// Waits until an element has left the screen.
    pub(crate) async fn gone(&self, id: &str) -> Result<()> {
        self.eventually(&format!("{id} leaving"), async || !self.is_visible(id).await).await
    }

    /// Clicks, as soon as the element can be clicked: dialogs move while they open.
    pub(crate) async fn click(&self, id: &str) -> Result<()> {
        self.eventually(&format!("a click on {id}"), async || {
            let Some(element) = self.look(id).await else { return false };
            let _ = self.client.execute(CENTER, vec![json!(selector(id))]).await;
            element.is_enabled().await.unwrap_or(false) && element.click().await.is_ok()
        })
        .await
    }

    /// The text of an element, or the value when it is an input.
    pub(crate) async fn text(&self, id: &str) -> Result<String> {
        self.found(id, async || read(&self.look(id).await?).await.ok()).await
    }

    /// Waits until an element's text passes a test, and gives it.
    pub(crate) async fn text_that(&self, id: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let found = std::cell::RefCell::new(String::new());
        let result = self
            .eventually(&format!("the wanted text in {id}"), async || {
                let Some(element) = self.look(id).await else { return false };
                let text = read(&element).await.unwrap_or_default();
                let good = wanted(&text);
                found.replace(text);
                good
            })
            .await;
        let found = found.into_inner();
        result.with_context(|| format!("{id} says {found:?}"))?;
        Ok(found)
    }

    /// An attribute of an element.
    pub(crate) async fn attribute(&self, id: &str, name: &str) -> Result<String> {
        let what = format!("{id} with {name}");
        self.found(&what, async || self.look(id).await?.attr(name).await.ok().flatten()).await
    }

    /// Waits until an attribute has a value.
    pub(crate) async fn attribute_is(&self, id: &str, name: &str, value: &str) -> Result<()> {
        self.eventually(&format!("{id} with {name}={value}"), async || match self.look(id).await {
            Some(element) => element.attr(name).await.ok().flatten().as_deref() == Some(value),
            None => false,
        })
        .await
    }

    /// Replaces what an input holds by typing.
    pub(crate) async fn fill(&self, id: &str, text: &str) -> Result<()> {
        self.click(id).await?;
        let input = self.input(id).await?;
        let all = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
        input.send_keys(&all).await?;
        input.send_keys(&char::from(Key::Backspace).to_string()).await?;
        if !text.is_empty() {
            input.send_keys(text).await?;
        }
        self.eventually(&format!("{text:?} in {id}"), async || {
            input.prop("value").await.ok().flatten().as_deref() == Some(text)
        })
        .await
    }

    /// Presses a key in an input.
    pub(crate) async fn press(&self, id: &str, key: Key) -> Result<()> {
        Ok(self.input(id).await?.send_keys(&char::from(key).to_string()).await?)
    }

    /// The input itself: component libraries put the test id on it or on a box around it.
    async fn input(&self, id: &str) -> Result<Element> {
        let element = self.find(id).await?;
        if matches!(element.tag_name().await?.as_str(), "input" | "textarea") {
            return Ok(element);
        }
        element.find(Locator::Css("input, textarea")).await.with_context(|| format!("{id} holds no input"))
    }

    /// Runs JavaScript in the page.
    pub(crate) async fn script(&self, source: &str) -> Result<Value> {
        Ok(self.client.execute(source, Vec::new()).await?)
    }

    /// Waits until the window has drawn what its document shows now.
    pub(crate) async fn drawn(&self) -> Result<()> {
        const TWO_FRAMES: &str =
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()))";
        self.client.execute_async(TWO_FRAMES, Vec::new()).await?;
        Ok(())
    }

    /// Takes a picture of the window into `target/screens`.
    pub(crate) async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        let picture = self.client.screenshot().await?;
        let folder = screens();
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        fs::write(&path, picture)?;
        Ok(path)
    }

    async fn picture_of_failure(&self) -> String {
        let name = std::thread::current().name().unwrap_or("test").replace("::", "-");
        match self.screenshot(&format!("failed-{name}")).await {
            Ok(path) => path.display().to_string(),
            Err(error) => format!("(no picture: {error})"),
        }
    }

    /// Ends the WebDriver session, which ends the app at once and without asking it.
    pub(crate) async fn end(self) {
        let _ = self.client.close().await;
    }
}

fn selector(id: &str) -> String {
    format!("[data-testid={}]", Value::from(id))
}

async fn read(element: &Element) -> Result<String> {
    Ok(match element.tag_name().await?.as_str() {
        "input" | "textarea" => element.prop("value").await?.unwrap_or_default(),
        // Not WebDriver's own text: it takes links that are cut off with an ellipsis for hidden.
        _ => element.prop("innerText").await?.unwrap_or_default(),
    })
}

fn screens() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    target.unwrap_or_else(|| here.join("target")).join("screens")
}

/// What the app and its driver wrote, for a failure's message.
fn log(bench: &Bench) -> String {
    let text = fs::read_to_string(bench.home().join("output.txt")).unwrap_or_default();
    let tail: Vec<&str> = text.lines().rev().take(15).collect();
    format!("output: {}", tail.into_iter().rev().collect::<Vec<_>>().join(" / "))
}

async fn start_driver(bench: &Bench) -> Result<(u16, Group)> {
    let program = std::env::var_os("BERTH_TAURI_DRIVER").unwrap_or_else(|| "tauri-driver".into());
    let output = fs::File::options().create(true).append(true).open(bench.home().join("output.txt"))?;
    // No other running test has this display number, so none has these ports; they lie below the range from which
    // systems give ports away. Where another program has one, the next pair is tried.
    for offset in (0..5000).step_by(1000) {
        let port = 20_000 + offset + bench.desk.number() % 500 * 2;
        if ![port, port + 1].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
            continue;
        }
        let mut command = Command::new(&program);
        command
            .args(["--port", &port.to_string(), "--native-port", &(port + 1).to_string()])
            .env_clear()
            .envs(bench.environment())
            .stdout(Stdio::from(output.try_clone()?))
            .stderr(Stdio::from(output.try_clone()?));
        let mut driver = Group::start(&mut command)
            .context("tauri-driver is needed: use `cargo xtask test window`, which installs it")?;
        let started = Instant::now();
        while driver.runs() && started.elapsed() < PATIENCE {
            let ready = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
                && tokio::net::TcpStream::connect(("127.0.0.1", port + 1)).await.is_ok();
            if ready {
                return Ok((port, driver));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    bail!("tauri-driver did not start; {}", log(bench))
}
