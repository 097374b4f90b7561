use super::*;
use crate::{attributes::Attributes, content::ContentFormat, version::LwM2mVersion};

/// A word for what was read: the operation with what tells it from others.
fn kind(line: &str, version: LwM2mVersion) -> Result<String, Code> {
    use DeviceOperation as Op;
    let operation =
        DeviceOperation::from_request(&request(line), version).map_err(|error| error.code())?;
    Ok(match operation {
        Op::Read(read) => format!("read {}", read.path),
        Op::Discover(discover) => format!("discover {} {:?}", discover.path, discover.depth),
        Op::Write(write) => format!("{:?} {}", write.mode, write.path),
        Op::WriteAttributes(write) => format!("attributes {}", write.path),
        Op::Execute(execute) => format!("execute {} {:?}", execute.path, execute.arguments),
        Op::Create(create) => format!("create {}", create.object),
        Op::Delete(delete) => format!("delete {}", delete.path),
        Op::Observe(observe) => format!("observe {} {}", observe.path, observe.cancel),
        Op::ReadComposite(read) => format!("read {:?}", read.paths),
        Op::ObserveComposite(observe) => format!("observe {:?} {}", observe.paths, observe.cancel),
        Op::WriteComposite(_) => "composite".into(),
        Op::BootstrapFinish => "finish".into(),
    })
}

// proves: COAP-40, DM-43, FMT-38, OBSV-01
#[test]
fn what_a_request_is() {
    for (line, expected) in [
        ("GET /3", "read /3"),
        ("GET /3/0/9", "read /3/0/9"),
        ("GET /3/0/9 accept=0", "read /3/0/9"),
        ("GET /3/0 accept=11542", "read /3/0"),
        ("GET /3/0 accept=1542", "read /3/0"),
        ("GET /3/0/6/1", "read /3/0/6/1"),
        // The option is elective: other values are as good as none.
        ("GET /3/0 observe=2", "read /3/0"),
        ("GET /3 accept=40", "discover /3 None"),
        ("GET /3?depth=0 accept=40", "discover /3 Some(0)"),
        ("GET /3/0/6?depth=3 accept=40", "discover /3/0/6 Some(3)"),
        ("GET / accept=40", "discover / None"),
        ("GET /3/0 observe=0", "observe /3/0 false"),
        (
            "GET /3/0/9?pmin=1&gt=5 accept=60 observe=0",
            "observe /3/0/9 false",
        ),
        ("GET /3/0 observe=1", "observe /3/0 true"),
        ("PUT /3/0/13 ct=0 body=5", "Replace /3/0/13"),
        ("PUT /3/0/13 ct=0", "Replace /3/0/13"),
        ("PUT /3/0/11/2 ct=60 body=5", "Replace /3/0/11/2"),
        ("PUT /1/0 ct=11542 body=x", "Replace /1/0"),
        ("PUT /0 ct=11542 body=x", "Replace /0"),
        ("PUT /3?pmin=1", "attributes /3"),
        ("PUT /3/0/9?pmin", "attributes /3/0/9"),
        ("PUT /3/0/6/1?gt=1", "attributes /3/0/6/1"),
        ("POST /3/0/4", "execute /3/0/4 []"),
        (
            "POST /3/0/4 ct=0 body=0='a',7",
            "execute /3/0/4 [(0, Some(\"a\")), (7, None)]",
        ),
        ("POST /3/0/4 body=5", "execute /3/0/4 [(5, None)]"),
        ("POST /3/0/4 ct=1541 body=5", "execute /3/0/4 [(5, None)]"),
        ("POST /1/0/8?0=U", "execute /1/0/8 [(0, Some(\"U\"))]"),
        ("POST /3/0 ct=11542 body=x", "PartialUpdate /3/0"),
        ("POST /34/0/1 ct=110 body=[]", "PartialUpdate /34/0/1"),
        ("POST /5/0/0 ct=42 body=x", "PartialUpdate /5/0/0"),
        ("POST /3303 ct=112 body=x", "create 3303"),
        ("DELETE /3303/1", "delete /3303/1"),
        ("DELETE /3/0/11/1", "delete /3/0/11/1"),
        ("DELETE /3303", "delete /3303"),
        ("DELETE /", "delete /"),
        (
            "FETCH / ct=110 body=[{\"n\":\"/3/0/9\"},{\"n\":\"/1\"}]",
            "read [/3/0/9, /1]",
        ),
        (
            "FETCH / ct=110 observe=0 body=[{\"n\":\"/3/0/9\"}]",
            "observe [/3/0/9] false",
        ),
        (
            "FETCH /?pmin=5&con=1 ct=110 accept=11544 observe=0 body=[{\"n\":\"/3\"}]",
            "observe [/3] false",
        ),
        (
            "FETCH / ct=110 observe=1 body=[{\"n\":\"/3/0/9\"}]",
            "observe [/3/0/9] true",
        ),
        ("iPATCH / ct=110 body=[]", "composite"),
        ("iPATCH / ct=322 body=x", "composite"),
        ("iPATCH / ct=11544 body=x", "composite"),
        ("POST /bs", "finish"),
    ] {
        assert_eq!(kind(line, V1_2).as_deref(), Ok(expected), "{line}");
    }
    // One empty segment is how some libraries write the root.
    let root = Request::new(Code::GET)
        .path_segment("")
        .uint_option(option::ACCEPT, 40);
    assert!(matches!(
        DeviceOperation::from_request(&root, V1_1),
        Ok(DeviceOperation::Discover(_))
    ));
}

// proves: DM-41, DM-42, DM-43
#[test]
fn arguments() {
    for (text, expected) in [
        ("", vec![]),
        ("5", vec![(5, None)]),
        ("2='10.3'", vec![(2, Some("10.3"))]),
        (
            "7,0='https://www.oma.org'",
            vec![(7, None), (0, Some("https://www.oma.org"))],
        ),
        (
            "0,1,2,3,4=''",
            vec![(0, None), (1, None), (2, None), (3, None), (4, Some(""))],
        ),
        // The blank is in an example of the specification, not in its grammar.
        ("7,0=' <x>'", vec![(7, None), (0, Some(" <x>"))]),
    ] {
        let expected: Vec<ExecuteArgument> = expected
            .into_iter()
            .map(|(digit, text)| (digit, text.map(String::from)))
            .collect();
        assert_eq!(parse_arguments(text).as_ref(), Ok(&expected), "{text}");
        if !text.contains(' ') {
            assert_eq!(format_arguments(&expected).as_deref(), Ok(text));
        }
    }
    for text in [
        "a",
        "10",
        "5=",
        "5=10",
        "5='",
        "5='a",
        "5=a'",
        "5='a'b",
        ",5",
        "5,",
        "5,,6",
        "5, 6",
        " 5",
        "5='a\"'",
        "5='a\\'",
        "5='a'b'",
        "5='ó'",
        "5\n",
        "5,5",
        "1='a',1='b'",
    ] {
        assert_eq!(
            parse_arguments(text).map_err(|error| error.code()),
            Err(Code::BAD_REQUEST),
            "{text}"
        );
    }
    for arguments in [
        vec![(10, None)],
        vec![(200, None)],
        vec![(1, None), (1, None)],
        vec![(1, Some(String::from("a b")))],
        vec![(1, Some(String::from("it's")))],
        vec![(1, Some(String::from("a',2='b")))],
        vec![(1, Some(String::from("ó")))],
    ] {
        assert!(format_arguments(&arguments).is_err(), "{arguments:?}");
        let execute = Execute {
            path: path("/3/0/4"),
            arguments,
        };
        assert!(execute.try_to_request().is_err());
        let sent = DeviceOperation::from_request(&execute.to_request(), V1_1);
        // A blank is read though it may not be written, so whoever insists gets it through.
        match execute.arguments.as_slice() {
            [(1, Some(text))] if text == "a b" => assert_eq!(sent, Ok(execute.into())),
            _ => assert_eq!(sent.unwrap_err().code(), Code::BAD_REQUEST),
        }
    }
}

// proves: DM-16
#[test]
fn depths() {
    for (path_text, depth, effective) in [
        ("/", None, 2),
        ("/3", None, 2),
        ("/3/0", None, 1),
        ("/3/0/6", None, 1),
        ("/3", Some(0), 0),
    ] {
        let discover = Discover {
            path: path(path_text),
            depth,
        };
        assert_eq!(discover.effective_depth(), effective, "{path_text}");
    }
}

// proves: BS-58, BS-59, DM-31, DM-55, DM-57, DM-58
#[test]
fn who_may_ask_what() {
    let parsed =
        |line: &str, version| DeviceOperation::from_request(&request(line), version).unwrap();
    let code = |result: Result<(), OperationError>| result.err().map(|error| error.code());
    let not_allowed = Some(Code::METHOD_NOT_ALLOWED);
    let unauthorized = Some(Code::UNAUTHORIZED);
    let bad = Some(Code::BAD_REQUEST);
    for (line, management, bootstrap) in [
        ("GET /3/0", None, not_allowed),
        ("GET /1", None, None),
        ("GET /1/0", None, None),
        ("GET /2/1", None, None),
        ("GET /1/0/1", None, bad),
        ("GET /0", unauthorized, not_allowed),
        ("GET /0/0/2 observe=0", unauthorized, not_allowed),
        ("GET / accept=40", not_allowed, None),
        ("GET /0 accept=40", unauthorized, None),
        ("GET /0/1 accept=40", unauthorized, bad),
        ("GET /1/0 accept=40", None, bad),
        ("GET /3 accept=40", None, None),
        ("GET /3/0/6 accept=40", None, bad),
        ("PUT / ct=11542 body=x", not_allowed, None),
        ("PUT /0 ct=11542 body=x", unauthorized, None),
        ("PUT /1 ct=11542 body=x", not_allowed, None),
        ("PUT /1/0 ct=11542 body=x", None, None),
        ("PUT /1/0/1 ct=0 body=5", None, None),
        ("PUT /3/0/11/1 ct=0 body=5", None, bad),
        ("PUT /23/0 ct=11542 body=x", unauthorized, None),
        ("POST /1/0 ct=11542 body=x", None, not_allowed),
        ("PUT /3?pmin=1", None, not_allowed),
        ("PUT /21?pmin=1", unauthorized, not_allowed),
        ("POST /3/0/4", None, not_allowed),
        ("POST /3303 ct=11542 body=x", None, not_allowed),
        ("POST /0 ct=11542 body=x", unauthorized, not_allowed),
        ("DELETE /", not_allowed, None),
        ("DELETE /3303", not_allowed, None),
        ("DELETE /3303/0", None, None),
        ("DELETE /3/0", not_allowed, None),
        ("DELETE /0/1", unauthorized, None),
        ("DELETE /3/0/11/1", None, bad),
        ("FETCH / ct=110 body=[{\"n\":\"/3\"}]", None, not_allowed),
        ("iPATCH / ct=110 body=[]", None, not_allowed),
        ("POST /bs", unauthorized, None),
    ] {
        let operation = parsed(line, V1_1);
        assert_eq!(
            code(operation.check_management()),
            management,
            "management: {line}"
        );
        assert_eq!(
            code(operation.check_bootstrap(V1_1)),
            bootstrap,
            "bootstrap: {line}"
        );
    }
    // Bootstrap-read came with 1.1.
    assert_eq!(
        code(parsed("GET /1", V1_0).check_bootstrap(V1_0)),
        not_allowed
    );
}

// proves: GEN-12
#[test]
fn errors_are_among_the_answers() {
    let answers = |line: &str| {
        let operation = DeviceOperation::from_request(&request(line), V1_2).unwrap();
        assert_eq!(operation.answers()[0], operation.success(), "{line}");
        assert_eq!(
            operation.bootstrap_answers()[0],
            operation.success(),
            "{line}"
        );
        operation.answers()
    };
    // A legal request, and illegal ones of the same operation.
    for (legal, illegal) in [
        (
            "GET /3",
            vec![
                "GET /3?x",
                "GET /3 accept=0",
                "GET /",
                "GET /x",
                "GET /1/2/3/4/5",
            ],
        ),
        (
            "GET /3 observe=0",
            vec![
                "GET /3?gt=1 observe=0",
                "GET /3 accept=0 observe=0",
                "GET / observe=0",
            ],
        ),
        (
            "GET /3 accept=40",
            vec!["GET /3?depth=9 accept=40", "GET /3/0/6/1 accept=40"],
        ),
        (
            "PUT /3/0/13 ct=0",
            vec!["PUT /3/0/13", "PUT /3/0/13 ct=9", "PUT /3/0/13?x ct=0"],
        ),
        (
            "PUT /3?pmin=1",
            vec!["PUT /3?dim=1", "PUT /3?gt=1", "PUT /?pmin=1"],
        ),
        (
            "POST /3/0/4",
            vec!["POST /3/0/4 body=x", "POST /3/0", "POST /3/0/4/1"],
        ),
        (
            "POST /3 ct=110",
            vec!["POST /3", "POST /3 ct=0", "POST /3?x ct=110"],
        ),
        (
            "DELETE /3303/1",
            vec!["DELETE /3303/1/2", "DELETE /3303/1?x"],
        ),
        (
            "FETCH / ct=110 body=[{\"n\":\"/3\"}]",
            vec!["FETCH / ct=0", "FETCH / ct=110 accept=0", "FETCH /3 ct=110"],
        ),
        (
            "iPATCH / ct=110",
            vec!["iPATCH / ct=0", "iPATCH /3 ct=110", "iPATCH /"],
        ),
        ("POST /bs", vec![]),
    ] {
        let answers = answers(legal);
        for line in illegal {
            let error = DeviceOperation::from_request(&request(line), V1_2).unwrap_err();
            assert!(answers.contains(&error.code()), "{line}: {error}");
        }
    }
}

/// The examples of Transport 1.2.2, section 6.4.4.
// proves: DM-37, REP-01
#[test]
fn examples_of_write_attributes() {
    for text in [
        "PUT /3/0/9?pmin=1",
        "PUT /3/0/9?pmin",
        "PUT /3/0?pmin=10",
        "PUT /3/0/9?gt=45&st=10",
        "PUT /3/0/9?gt=85&lt=20&st=10",
        "PUT /3/0/9?pmin=1&pmax=5&lt=5",
        "PUT /4/0/2?pmin=10&pmax=60",
    ] {
        for version in LwM2mVersion::ALL {
            let operation = DeviceOperation::from_request(&request(text), version).unwrap();
            assert!(
                matches!(operation, DeviceOperation::WriteAttributes(_)),
                "{text}"
            );
            assert_eq!(line(&operation.to_request()), text);
        }
    }
}

// proves: DM-59, GEN-15
#[test]
fn a_server_asks_itself_before_it_sends() {
    let payload = |format, data: &'static [u8]| Payload {
        format,
        data: data.into(),
    };
    let text = |mode| Write {
        path: path("/3/0/13"),
        mode,
        payload: payload(ContentFormat::Text, b"5"),
    };
    let read = |accept| Read {
        path: path("/3/0/13"),
        accept,
    };
    let attributes = |pmin, pmax| {
        let set = Attributes {
            pmin,
            pmax,
            ..Attributes::default()
        };
        WriteAttributes {
            path: path("/3"),
            change: set.into(),
        }
    };
    let discover = Discover {
        path: path("/3"),
        depth: Some(3),
    };
    let composite = |format| ReadComposite {
        paths: vec![path("/3")],
        format,
        accept: None,
    };
    let bad = Some(Code::BAD_REQUEST);
    let not_allowed = Some(Code::METHOD_NOT_ALLOWED);
    let cases: [(DeviceOperation, [Option<Code>; 3]); 11] = [
        (read(None).into(), [None; 3]),
        (
            read(Some(ContentFormat::Cbor)).into(),
            [Some(Code::NOT_ACCEPTABLE), None, None],
        ),
        (
            Read {
                path: Path::ROOT,
                accept: None,
            }
            .into(),
            [not_allowed; 3],
        ),
        (
            Read {
                path: path("/0/1"),
                accept: None,
            }
            .into(),
            [Some(Code::UNAUTHORIZED); 3],
        ),
        (text(WriteMode::Replace).into(), [None; 3]),
        (text(WriteMode::PartialUpdate).into(), [bad; 3]),
        (attributes(Some(5), Some(4)).into(), [bad; 3]),
        (attributes(None, None).into(), [bad; 3]),
        // A client that does not know the depth overlooks it.
        (discover.into(), [None; 3]),
        (
            composite(ContentFormat::SenmlCbor).into(),
            [not_allowed, None, None],
        ),
        (
            composite(ContentFormat::Tlv).into(),
            [
                not_allowed,
                Some(Code::UNSUPPORTED_CONTENT_FORMAT),
                Some(Code::UNSUPPORTED_CONTENT_FORMAT),
            ],
        ),
    ];
    for (operation, codes) in cases {
        let found = LwM2mVersion::ALL
            .map(|version| operation.check_for(version).err().map(|error| error.code()));
        assert_eq!(found, codes, "{operation:?}");
    }
}

#[test]
fn operations_in_words() {
    for (line, words) in [
        ("GET /3/0", "read /3/0"),
        ("GET /3?depth=1 accept=40", "discover /3 depth=1"),
        (
            "PUT /0/1/5 ct=0 body=c2VjcmV0",
            "write /0/1/5 (Text, 8 bytes)",
        ),
        (
            "POST /3/0 ct=110 body=[]",
            "update /3/0 (SenmlJson, 2 bytes)",
        ),
        (
            "PUT /3/0/9?pmin=1&st",
            "write attributes of /3/0/9 pmin=1 st",
        ),
        ("POST /3/0/4 body=0", "execute /3/0/4"),
        (
            "POST /3 ct=110 body=[]",
            "create in /3 (SenmlJson, 2 bytes)",
        ),
        ("DELETE /3/1", "delete /3/1"),
        ("GET /3/0/9?pmin=5 observe=0", "observe /3/0/9 pmin=5"),
        ("GET /3/0/9 observe=1", "stop observing /3/0/9"),
        (
            "FETCH / ct=110 body=[{\"n\":\"/3\"},{\"n\":\"/1\"}]",
            "read /3 /1",
        ),
        (
            "FETCH / ct=110 observe=0 body=[{\"n\":\"/3\"}]",
            "observe /3",
        ),
        (
            "iPATCH / ct=110 body=[]",
            "write composite (SenmlJson, 2 bytes)",
        ),
        ("POST /bs", "finish bootstrap"),
    ] {
        let operation = DeviceOperation::from_request(&request(line), V1_2).unwrap();
        assert_eq!(format!("{operation}"), words);
    }
}
