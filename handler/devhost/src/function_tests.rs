use super::*;

fn parse(name: &str, bindings: &str) -> Result<Function, Fault> {
    let settings = [("when", "0 0 * * * *"), ("azurewebjobs.off.disabled", "True")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
    let context = Context { route_prefix: "api", proxying: true, settings: &settings };
    Function::parse(name, &format!(r#"{{"bindings":[{bindings}]}}"#), &context)
}

const QUEUE: &str = r#"{"type":"queueTrigger","direction":"in","name":"item","queueName":"Work"}"#;
const HTTP_OUT: &str = r#"{"type":"http","direction":"out","name":"res"}"#;

fn http(rest: &str) -> String {
    format!(r#"{{"type":"httpTrigger","direction":"in","name":"req"{rest}}},{HTTP_OUT}"#)
}

#[test]
fn the_four_triggers_are_understood() {
    let queue = parse("q", QUEUE).unwrap();
    assert_eq!(queue.info.trigger, TriggerInfo::Queue { queue: "work".into() });
    let timer = parse("t", r#"{"type":"timerTrigger","name":"t","schedule":"%WHEN%"}"#).unwrap();
    assert_eq!(timer.info.trigger, TriggerInfo::Timer { schedule: "0 0 * * * *".into() });
    let blob = parse("b", r#"{"type":"blobTrigger","name":"b","path":"docs/{name}"}"#).unwrap();
    assert_eq!(blob.info.trigger, TriggerInfo::Blob { path: "docs/{name}".into() });
    let request =
        parse("h", &http(r#","methods":["get"],"authLevel":"anonymous","route":"x/{id?}""#)).unwrap();
    let expected = TriggerInfo::Http {
        route: "api/x/{id?}".into(),
        methods: vec!["GET".into()],
        auth: AuthLevel::Anonymous,
    };
    assert_eq!(request.info.trigger, expected);
}

#[test]
fn a_setting_disables() {
    assert!(parse("OFF", QUEUE).unwrap().info.disabled);
    assert!(!parse("on", QUEUE).unwrap().info.disabled);
}

#[test]
fn broken_ones_say_why() {
    let long = "a".repeat(129);
    for (name, bindings, word) in [
        ("1x", QUEUE.to_owned(), "function name"),
        ("host", QUEUE.to_owned(), "function name"),
        (&long, QUEUE.to_owned(), "function name"),
        ("f", String::new(), "bindings"),
        ("f", HTTP_OUT.to_owned(), "exactly one trigger"),
        ("f", format!("{QUEUE},{}", QUEUE.replace("item", "other")), "exactly one trigger"),
        ("f", format!("{QUEUE},{QUEUE}"), "two bindings"),
        ("f", QUEUE.replace("item", "my_item"), "binding name"),
        ("f", QUEUE.replace("item", "$return"), "binding name"),
        ("f", QUEUE.replace("Work", "%NOPE%"), "does not resolve"),
        ("f", QUEUE.replace("Work", "a_b"), "queue name"),
        ("f", QUEUE.replace("queueName", "queue"), "queueName"),
        ("f", http(r#","route":"administrators""#), "reserved"),
        ("f", http(r#","route":"/Runtime/x""#), "reserved"),
        ("f", http(r#","route":"{*a}/b""#), "last"),
        ("f", http(r#","authLevel":"user""#), "authLevel"),
        ("f", r#"{"type":"timerTrigger","name":"t","schedule":"often"}"#.to_owned(), "often"),
    ] {
        match parse(name, &bindings) {
            Err(Fault::Broken(reason)) => assert!(reason.contains(word), "{bindings}: {reason}"),
            other => panic!("{bindings}: {other:?}"),
        }
    }
}

#[test]
fn what_is_not_built_is_refused_and_not_dropped() {
    for bindings in [
        r#"{"type":"eventGridTrigger","name":"e"}"#.to_owned(),
        format!(r#"{QUEUE},{{"type":"blob","direction":"out","name":"b","path":"x/y"}}"#),
        format!(r#"{},{{"type":"queue","direction":"out","name":"q","queueName":"work"}}"#, http("")),
        r#"{"type":"httpTrigger","name":"req"}"#.to_owned(),
    ] {
        assert!(matches!(parse("f", &bindings), Err(Fault::Unsupported(_))), "{bindings}");
    }
}
