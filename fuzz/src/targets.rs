//! One target per parser of outside data.

use kubemend_api::event::Timestamp;
use kubemend_api::{Amount, Duration, Mode};
use kubemend_engine::facts::Proof;
use kubemend_engine::{Moment, Source};
use serde_json::Value;

use crate::{hostile, seeds, wire, world};

/// A parser, the good inputs it is known by, and what must hold for any input.
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Good inputs.
    pub seeds: Vec<Vec<u8>>,
    /// Panics where a property does not hold.
    pub run: Check,
}

type Check = Box<dyn Fn(&[u8]) + Send + Sync>;

/// Every target.
pub fn all() -> Vec<Target> {
    let mut all: Vec<Target> = Source::ALL.into_iter().map(objects).collect();
    let texts: Vec<Vec<u8>> = hostile::TEXTS
        .iter()
        .map(|text| text.as_bytes().to_vec())
        .collect();
    let amounts = [&b"1"[..], b"\"50%\"", b"1000", b"0", b"\"100%\""]
        .map(<[u8]>::to_vec)
        .to_vec();
    let mut manifests = Vec::new();
    for source in Source::ALL {
        manifests.extend(seeds::object(source).iter().map(yaml));
    }
    all.push(target("durations", texts.clone(), durations));
    all.push(target("amounts", amounts, amounts_of));
    all.push(target("timestamps", texts.clone(), timestamps));
    all.push(target("annotations", texts, annotations));
    all.push(target("manifests", manifests, manifest));
    all.push(target(
        "leases",
        vec![seeds::lease().to_string().into_bytes()],
        wire::lease,
    ));
    all.push(target("watches", streams(), wire::watch_frames));
    all.push(target("lists", pages(), wire::list_page));
    all.push(target("answers", answers(), wire::act_answers));
    all
}

fn target(name: &'static str, seeds: Vec<Vec<u8>>, run: fn(&[u8])) -> Target {
    Target {
        name,
        seeds,
        run: Box::new(run),
    }
}

fn objects(source: Source) -> Target {
    Target {
        name: source.plural(),
        seeds: seeds::object(source)
            .iter()
            .map(|one| one.to_string().into_bytes())
            .collect(),
        run: Box::new(move |input| world::object(source, input)),
    }
}

/// JSON is YAML; this is how people write it.
fn yaml(object: &Value) -> Vec<u8> {
    let mut object = object.clone();
    object["spec"]["anchors"] = Value::Null;
    format!("# a manifest\n---\n{object:#}\n---\na: &a [1, *b]\n<<: *a\non: off\n").into_bytes()
}

fn streams() -> Vec<Vec<u8>> {
    let frame =
        |kind: &str, object: &Value| format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
    let gone = serde_json::json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
    let bookmark = serde_json::json!({"metadata": {"resourceVersion": "99"}});
    let all = Source::ALL.into_iter().flat_map(seeds::object);
    all.map(|one| {
        let events = [
            frame("ADDED", &one),
            frame("MODIFIED", &one),
            frame("BOOKMARK", &bookmark),
            frame("DELETED", &one),
            frame("ERROR", &gone),
        ];
        events.concat().into_bytes()
    })
    .collect()
}

fn pages() -> Vec<Vec<u8>> {
    let all = Source::ALL.into_iter().map(seeds::object);
    all.map(|items| {
        let page = serde_json::json!({"metadata": {"resourceVersion": "5", "continue": ""}, "items": items});
        page.to_string().into_bytes()
    })
    .collect()
}

fn answers() -> Vec<Vec<u8>> {
    let status = serde_json::json!({"kind": "Status", "code": 409, "reason": "Conflict", "message": "changed",
        "details": {"retryAfterSeconds": 3, "causes": [{"reason": "DisruptionBudget", "message": "no"}]}});
    let events = serde_json::json!({"metadata": {}, "items": [{"metadata": {"name": "e"}, "type": "Warning",
        "reason": "BackOff", "message": "restarting", "count": 7, "lastTimestamp": seeds::ago(5),
        "involvedObject": {"kind": "Pod", "name": "web-2-0", "uid": "shop-web-pod-0"}}]});
    let mut all = vec![
        status,
        events,
        seeds::record(),
        seeds::deployment("shop", "web"),
        seeds::revision("shop", "web", 1),
        seeds::pod("shop", "web", 0),
    ];
    all.push(
        serde_json::json!({"kind": "Scale", "metadata": {"name": "web", "resourceVersion": "31"},
        "spec": {"replicas": 2}, "status": {"replicas": 2}}),
    );
    all.iter().map(|one| one.to_string().into_bytes()).collect()
}

fn text(input: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(input)
}

fn durations(input: &[u8]) {
    let text = text(input);
    match text.parse::<Duration>() {
        Ok(duration) => {
            assert_eq!(duration.to_string(), text, "kept as it was written");
            let ten_years = 315_360_000_000;
            assert!((0..=ten_years).contains(&duration.as_millis()));
            let rendered = Duration::from_millis(duration.as_millis()).to_string();
            let again: Duration = rendered.parse().expect("what is rendered is a duration");
            assert_eq!(again.as_millis(), duration.as_millis());
        }
        Err(error) => assert!(error.to_string().len() < 1_000, "{error}"),
    }
    let _ = serde_json::from_slice::<Duration>(input);
}

fn amounts_of(input: &[u8]) {
    let Ok(amount) = serde_json::from_slice::<Amount>(input) else {
        return;
    };
    let json = serde_json::to_string(&amount).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Amount>(&json).expect("its own text"),
        amount
    );
    for whole in [0, 1, 7, u32::MAX] {
        assert!(amount.of(whole) <= whole.max(1000));
    }
}

fn timestamps(input: &[u8]) {
    let text = text(input);
    let _ = serde_json::from_slice::<Timestamp>(input);
    if let Some(moment) = Moment::parse(&text) {
        let again = Timestamp::from(moment).as_millis();
        assert_eq!(
            again,
            Some(moment.as_millis()),
            "a time is written as it was read"
        );
    }
    let wild = i64::from_le_bytes(std::array::from_fn(|at| {
        input.get(at).copied().unwrap_or(0x7f)
    }));
    assert!(
        Timestamp::from(Moment::from_millis(wild))
            .as_millis()
            .is_some()
    );
    assert!(Moment::from_millis(wild).to_string().len() <= 40);
}

fn annotations(input: &[u8]) {
    let text = text(input);
    if let Some(mode) = Mode::named(&text) {
        assert_eq!(mode.as_str(), text);
    }
    let hash = text.split('@').next().unwrap_or_default();
    if let Some(proof) = Proof::parse(&text, hash) {
        assert!(proof.seconds > 0);
        assert_eq!(Proof::parse(&proof.render(hash), hash), Some(proof));
        assert_eq!(
            Proof::parse(&text, &format!("{hash}x")),
            None,
            "a copied mark proves nothing"
        );
    }
}

/// `kubemend check` reads files, so the input is one.
fn manifest(input: &[u8]) {
    let name = format!(
        "kubemend-fuzz-{}-{:?}.yaml",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, input).expect("a temporary file");
    let mut out = Vec::new();
    let _ = kubemend_operator::check::run(std::slice::from_ref(&path), &mut out);
    let _ = std::fs::remove_file(&path);
    let most = 8 * 1024 + 600 * input.len();
    assert!(
        out.len() <= most,
        "{} bytes are said about {}",
        out.len(),
        input.len()
    );
}
