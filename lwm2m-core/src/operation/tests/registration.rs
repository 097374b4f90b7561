use super::*;
use crate::{content::ContentFormat, link::Link};

fn register(line: &str) -> Register {
    Register::from_request(&request(line)).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn code(line: &str) -> Code {
    RegistrationOperation::from_request(&request(line))
        .unwrap_err()
        .code()
}

// proves: COAP-40, REG-01, REG-50
#[test]
fn registrations_of_each_version() {
    let links = vec![Link::to(path("/1/0")), Link::to(path("/3/0"))];
    // What stands here is both what is read and what is written for it.
    let mut expected = Register::new("a", V1_0, links.clone());
    assert_eq!(register("POST /rd?ep=a ct=40 body=</1/0>,</3/0>"), expected);
    let text = "POST /rd?ep=a&lwm2m=1.0 ct=40 body=</1/0>,</3/0>";
    assert_eq!(line(&expected.to_request()), text);
    assert_eq!(register(text), expected);

    expected.queue_mode = true;
    expected.binding = Some(Binding::U | Binding::S);
    expected.lifetime = Some(300);
    expected.sms = Some("491701234567".into());
    let text = "POST /rd?ep=a&lt=300&lwm2m=1.0&b=UQS&sms=491701234567 ct=40 body=</1/0>,</3/0>";
    assert_eq!(line(&expected.to_request()), text);
    assert_eq!(register(text), expected);

    expected.version = V1_1;
    expected.binding = Some(Binding::U | Binding::T);
    expected.additional = vec![("x".into(), Some("1=2".into())), ("y".into(), None)];
    expected.endpoint = None;
    let text = "POST /rd?lt=300&lwm2m=1.1&b=UT&Q&sms=491701234567&x=1=2&y ct=40 body=</1/0>,</3/0>";
    assert_eq!(line(&expected.to_request()), text);
    assert_eq!(register(text), expected);

    expected = Register::new("a", V1_2, Vec::new());
    expected.lifetime = Some(0);
    expected.binding = Some(Binding::M | Binding::H | Binding::N);
    expected.profile = Some("\"6:1234abcd,oma:x-1\"".into());
    let text = "POST /rd?ep=a&lt=0&lwm2m=1.2&b=NMH&pid=\"6:1234abcd,oma:x-1\"";
    assert_eq!(line(&expected.to_request()), text);
    assert_eq!(register(text), expected);

    // From 1.1 the lifetime has to be said.
    let defaults = Register::new("a", V1_1, links);
    assert_eq!(
        register(&line(&defaults.to_request())).lifetime,
        Some(DEFAULT_LIFETIME)
    );
    // The number of a service release changes nothing.
    assert_eq!(
        register("POST /rd?ep=a&lt=1&lwm2m=1.1.1 body=</1/0>").version,
        V1_1
    );
    // 1.0 knows no profile id: an argument like any other.
    let older = register("POST /rd?ep=a&pid=x ct=40 body=</1/0>");
    assert_eq!(older.additional, [("pid".into(), Some("x".into()))]);
    // A client that says queue mode in the way of 1.1 sleeps as deep.
    assert!(register("POST /rd?ep=a&Q body=</1/0>").queue_mode);
}

// proves: COAP-41, REG-04, REG-08, REG-13, REG-18, REG-21, REG-65
#[test]
fn illegal_registrations() {
    let full = "POST /rd?ep=a&lt=60&lwm2m=1.1";
    for (line, expected) in [
        ("POST /rd?lt=60 body=</1/0>", Code::BAD_REQUEST),
        ("POST /rd?lt=60&lwm2m=1.0 body=</1/0>", Code::BAD_REQUEST),
        ("POST /rd?ep=a&lwm2m=1.1 body=</1/0>", Code::BAD_REQUEST),
        (
            "POST /rd?ep=&lt=60&lwm2m=1.1 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        ("POST /rd?ep&lt=60&lwm2m=1.1 body=</1/0>", Code::BAD_REQUEST),
        (
            "POST /rd?ep=a&ep=b&lt=60&lwm2m=1.1 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        ("POST /rd?ep=a&lt=&lwm2m=1.1 body=</1/0>", Code::BAD_REQUEST),
        (
            "POST /rd?ep=a&lt=-1&lwm2m=1.1 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        (
            "POST /rd?ep=a&lt=+1&lwm2m=1.1 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        (
            "POST /rd?ep=a&lt=1.5&lwm2m=1.1 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        (
            "POST /rd?ep=a&lt=4294967296&lwm2m=1.1 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        (
            "POST /rd?ep=a&lt=60&lwm2m=2.0 body=</1/0>",
            Code::PRECONDITION_FAILED,
        ),
        (
            "POST /rd?ep=a&lt=60&lwm2m=1 body=</1/0>",
            Code::PRECONDITION_FAILED,
        ),
        ("POST /rd?lwm2m=1.3", Code::PRECONDITION_FAILED),
        ("POST /rd?lwm2m=1.3.1", Code::PRECONDITION_FAILED),
        ("POST /rd?lwm2m=1.1.", Code::PRECONDITION_FAILED),
        ("POST /rd?lwm2m=1.1.x", Code::PRECONDITION_FAILED),
        ("POST /rd?lwm2m=1.1.1.1", Code::PRECONDITION_FAILED),
        ("POST /rd?ep=a&lt=60&lwm2m body=</1/0>", Code::BAD_REQUEST),
        (
            "POST /rd?ep=a&lt=60&lwm2m=1.1&lwm2m=1.0 body=</1/0>",
            Code::BAD_REQUEST,
        ),
        ("POST /rd?ep=a&b=T body=</1/0>", Code::BAD_REQUEST),
        (&format!("{full}&b=UQ body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full}&b=M body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full}&b=UU body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full}&b=X body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full}&b=u body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full}&b= body=</1/0>"), Code::BAD_REQUEST),
        ("POST /rd?ep=a&b=Q body=</1/0>", Code::BAD_REQUEST),
        (&format!("{full}&Q=1 body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full}&sms= body=</1/0>"), Code::BAD_REQUEST),
        (full, Code::BAD_REQUEST),
        (&format!("{full} ct=0 body=</1/0>"), Code::BAD_REQUEST),
        (&format!("{full} body=</1/0"), Code::BAD_REQUEST),
        (&format!("{full} ct=40 body=1/0"), Code::BAD_REQUEST),
        ("POST /rd?ep=a&lt=60&lwm2m=1.2&pid=7:AB", Code::BAD_REQUEST),
        (
            "POST /rd?ep=a&lt=60&lwm2m=1.2&pid=\"oma:a",
            Code::BAD_REQUEST,
        ),
        ("GET /rd", Code::METHOD_NOT_ALLOWED),
        ("PUT /rd?ep=a body=</1/0>", Code::METHOD_NOT_ALLOWED),
        ("DELETE /rd", Code::METHOD_NOT_ALLOWED),
        ("POST /", Code::NOT_FOUND),
        ("POST /rdx", Code::NOT_FOUND),
    ] {
        assert_eq!(code(line), expected, "{line}");
    }
    let not_utf8 = Request::new(Code::POST).path_segment("rd");
    let mut query = not_utf8.clone();
    query.options.push(option::URI_QUERY, b"ep=\xff");
    let mut segment = not_utf8;
    segment.options.push(option::URI_PATH, b"\xff");
    for request in [query, segment] {
        let error = RegistrationOperation::from_request(&request).unwrap_err();
        assert_eq!(error.code(), Code::BAD_REQUEST);
    }
}

// proves: REG-41, REG-71
#[test]
fn updates_and_deregistrations() {
    let read = |line: &str| RegistrationOperation::from_request(&request(line)).unwrap();
    let location = |text: &str| text.split('/').map(String::from).collect::<Vec<_>>();
    let mut update = Update::new(location("rd/5a3f"));
    assert_eq!(line(&update.to_request()), "POST /rd/5a3f");
    assert_eq!(
        read("POST /rd/5a3f"),
        RegistrationOperation::Update(update.clone())
    );
    assert_eq!(update.new_queue_mode(), None);

    update.location = location("rd/a/b/c d");
    update.lifetime = Some(600);
    update.binding = Some(Binding::U);
    update.queue_mode = true;
    update.sms = Some("1".into());
    update.profile = Some("v:x".into());
    update.links = Some(vec![Link::to(path("/3/0"))]);
    update.additional = vec![("x".into(), None)];
    let read_again = RegistrationOperation::from_request(&update.to_request());
    assert_eq!(
        read_again,
        Ok(RegistrationOperation::Update(update.clone()))
    );
    assert_eq!(update.new_queue_mode(), Some(true));

    for (query, queue_mode) in [
        ("b=UQ", Some(true)),
        ("b=U", Some(false)),
        ("Q", Some(true)),
        ("lt=1", None),
    ] {
        let RegistrationOperation::Update(update) = read(&format!("POST /rd/1?{query}")) else {
            panic!("{query}")
        };
        assert_eq!(update.new_queue_mode(), queue_mode, "{query}");
    }
    // An empty list says nothing.
    let RegistrationOperation::Update(update) = read("POST /rd/1 ct=40") else {
        panic!()
    };
    assert_eq!(update.links, None);

    for text in ["DELETE /rd/5a3f", "DELETE /rd/a/b"] {
        let RegistrationOperation::Deregister(deregister) = read(text) else {
            panic!("{text}")
        };
        assert_eq!(line(&deregister.to_request()), text);
    }
    for (line, expected) in [
        ("POST /rd/1?lt=x", Code::BAD_REQUEST),
        ("POST /rd/1?lt=1&lt=1", Code::BAD_REQUEST),
        ("POST /rd/1?b=X", Code::BAD_REQUEST),
        ("POST /rd/1?pid=x", Code::BAD_REQUEST),
        ("POST /rd/1 ct=0 body=</3/0>", Code::BAD_REQUEST),
        ("POST /rd/1 ct=40 body=</3", Code::BAD_REQUEST),
        ("DELETE /rd/1?x=1", Code::BAD_REQUEST),
        ("GET /rd/1", Code::METHOD_NOT_ALLOWED),
        ("PUT /rd/1", Code::METHOD_NOT_ALLOWED),
    ] {
        assert_eq!(code(line), expected, "{line}");
    }
}

// proves: COAP-44, DM-51
#[test]
fn locations() {
    let response = Register::created(&["rd", "5a3f"]);
    assert_eq!(response.code, Code::CREATED);
    assert_eq!(
        Register::location(&response),
        Some(vec!["rd".into(), "5a3f".into()])
    );
    assert_eq!(Register::location(&Response::new(Code::CREATED)), None);
    let mut changed = response;
    changed.code = Code::CHANGED;
    assert_eq!(Register::location(&changed), None);

    let created = Create::created(Some(&path("/3303/7")));
    assert_eq!(Create::location(&created), Some(path("/3303/7")));
    assert_eq!(
        Create::location(&Register::created(&["lwm2m", "3303", "7"])),
        Some(path("/3303/7"))
    );
    assert_eq!(Create::location(&Create::created(None)), None);
    assert_eq!(Create::location(&Register::created(&["7"])), None);
    assert_eq!(Create::location(&Register::created(&["a", "b"])), None);
}

// proves: REG-50
#[test]
fn bindings() {
    for text in [
        "U", "UQ", "S", "SQ", "US", "UQS", "UT", "UTSN", "N", "MH", "UTSNMH",
    ] {
        let binding = Binding::parse(text).unwrap();
        let letters = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            letters
        };
        let written = format!("{binding}");
        assert_eq!(letters(&written), letters(text));
        assert_eq!(Binding::parse(&written), Ok(binding));
        assert_eq!(binding.has_udp(), text.contains('U'));
        assert_eq!(binding.has_queue_mode(), text.contains('Q'));
    }
    for text in ["U", "UQ", "S", "SQ", "UQS"] {
        assert_eq!(format!("{}", Binding::parse(text).unwrap()), text);
    }
    let known =
        |text: &str| [V1_0, V1_1, V1_2].map(|v| Binding::parse(text).unwrap().check_for(v).is_ok());
    assert_eq!(known("US"), [true, true, true]);
    assert_eq!(known("UQ"), [true, false, false]);
    assert_eq!(known("TN"), [false, true, true]);
    assert_eq!(known("MH"), [false, false, true]);
}

// proves: REG-65
#[test]
fn profiles() {
    assert_eq!(
        parse_profiles("\"6:1234abcd,oma:x-1,v:Y\""),
        Ok(vec![
            ProfileId::Dynamic {
                suite: 6,
                hash: "1234abcd"
            },
            ProfileId::Oma("x-1"),
            ProfileId::Vendor("Y"),
        ])
    );
    assert_eq!(
        parse_profiles("v:a"),
        Ok(vec![ProfileId::Vendor("v:a".split_at(2).1)])
    );
    for text in [
        "",
        "\"\"",
        "\"",
        "oma:",
        "x:a",
        "6:",
        "6:xyz",
        "6:AB",
        ":ab",
        "oma:a,oma:b",
        "oma:a_b",
    ] {
        assert!(parse_profiles(text).is_err(), "{text}");
    }
}

// proves: BS-03, BS-06
#[test]
fn bootstrap_requests() {
    let read = |line: &str| BootstrapRequest::from_request(&request(line));
    let mut asked = BootstrapRequest::new(Some("a b".into()), Some(ContentFormat::SenmlCbor));
    asked.additional = vec![("x".into(), Some("1".into()))];
    assert_eq!(
        BootstrapRequest::from_request(&asked.to_request()),
        Ok(asked)
    );
    assert_eq!(read("POST /bs"), Ok(BootstrapRequest::new(None, None)));
    for (line, expected) in [
        ("POST /bs?ep=", Code::BAD_REQUEST),
        ("POST /bs?ep=a&ep=b", Code::BAD_REQUEST),
        ("POST /bs?ep=a&pct=x", Code::BAD_REQUEST),
        ("POST /bs?ep=a&pct=99999", Code::BAD_REQUEST),
        ("POST /bs?ep=a&pct=0", Code::UNSUPPORTED_CONTENT_FORMAT),
        ("POST /bs?ep=a&pct=9999", Code::UNSUPPORTED_CONTENT_FORMAT),
        ("GET /bs?ep=a", Code::METHOD_NOT_ALLOWED),
        ("POST /bs/1", Code::NOT_FOUND),
    ] {
        assert_eq!(read(line).unwrap_err().code(), expected, "{line}");
    }
    for number in [110, 112, 11542, 11544] {
        assert!(read(&format!("POST /bs?ep=a&pct={number}")).is_ok());
    }
}

#[test]
fn bootstrap_pack_requests() {
    let read = |line: &str| BootstrapPackRequest::from_request(&request(line));
    let mut asked = BootstrapPackRequest::new(Some("a".into()), Some(ContentFormat::LwM2mCbor));
    asked.account = vec![path("/0/2"), path("/21/0")];
    assert_eq!(
        line(&asked.to_request()),
        "GET /bspack?ep=a&acc=</0/2>,</21/0> accept=11544"
    );
    assert_eq!(
        BootstrapPackRequest::from_request(&asked.to_request()),
        Ok(asked)
    );
    assert_eq!(
        read("GET /bspack"),
        Ok(BootstrapPackRequest::new(None, None))
    );
    for (line, expected) in [
        ("GET /bspack accept=11542", Code::NOT_ACCEPTABLE),
        ("GET /bspack accept=9", Code::NOT_ACCEPTABLE),
        ("GET /bspack?acc=</0>", Code::BAD_REQUEST),
        ("GET /bspack?acc=</0/1>;a=1", Code::BAD_REQUEST),
        ("GET /bspack?acc=x", Code::BAD_REQUEST),
        ("GET /bspack?x=1", Code::BAD_REQUEST),
        ("POST /bspack", Code::METHOD_NOT_ALLOWED),
        ("GET /bs", Code::NOT_FOUND),
    ] {
        assert_eq!(read(line).unwrap_err().code(), expected, "{line}");
    }
}

// proves: REP-59
#[test]
fn sends() {
    for number in [110, 112, 11544] {
        let text = format!("POST /dp ct={number} body=[]");
        let send = Send::from_request(&request(&text)).unwrap();
        assert_eq!(line(&send.to_request()), text);
    }
    for (line, expected) in [
        ("POST /dp body=[]", Code::BAD_REQUEST),
        ("POST /dp ct=0 body=1", Code::BAD_REQUEST),
        ("POST /dp ct=11542 body=1", Code::BAD_REQUEST),
        ("POST /dp?x ct=110 body=[]", Code::BAD_REQUEST),
        ("PUT /dp ct=110 body=[]", Code::METHOD_NOT_ALLOWED),
        ("POST /dp/1 ct=110 body=[]", Code::NOT_FOUND),
    ] {
        assert_eq!(
            Send::from_request(&request(line)).unwrap_err().code(),
            expected,
            "{line}"
        );
    }
}

/// The examples of Core 1.2.2, section 6.2 and Transport 1.2.2, sections 6.4.3, 6.5 and 6.6.1.
#[test]
fn examples_of_the_specification() {
    let read = register(
        "POST /rd?ep=node&lwm2m=1.1&lt=86400&b=U&Q&sms=12345678 ct=40 body=</1/2>, </3/0>",
    );
    assert!(read.queue_mode);
    assert_eq!(read.binding, Some(Binding::U));
    assert_eq!(read.sms.as_deref(), Some("12345678"));
    assert_eq!(read.links.len(), 2);
    for text in [
        "POST /rd/5a3f?lt=600000",
        "POST /rd/5a3f ct=40 body=</1/1>,</3/0>,</12/0>,</12/1>,</12/2>",
        "DELETE /rd/5a3f",
    ] {
        let written = match RegistrationOperation::from_request(&request(text)).unwrap() {
            RegistrationOperation::Register(register) => register.to_request(),
            RegistrationOperation::Update(update) => update.to_request(),
            RegistrationOperation::Deregister(deregister) => deregister.to_request(),
        };
        assert_eq!(line(&written), text);
    }
}
