//! Requests that are no operation, with the code in each version (Transport 1.2.2, section 6.7).

use super::*;
use crate::version::LwM2mVersion;

const OK: Option<Code> = None;
const BAD: Option<Code> = Some(Code::BAD_REQUEST);
const NOT_FOUND: Option<Code> = Some(Code::NOT_FOUND);
const NOT_ALLOWED: Option<Code> = Some(Code::METHOD_NOT_ALLOWED);
const NOT_ACCEPTABLE: Option<Code> = Some(Code::NOT_ACCEPTABLE);
const FORMAT: Option<Code> = Some(Code::UNSUPPORTED_CONTENT_FORMAT);

// proves: BS-14, COAP-43, COAP-60, DM-05, DM-17, DM-23, DM-33, DM-36, DM-40, DM-62, DM-66, DM-67, DM-76, FMT-07
// proves: FMT-09, GEN-14, METH-02, METH-07, METH-09, REP-14, REP-22, REP-46, REP-47, REP-48
#[test]
fn codes_in_each_version() {
    for (line, codes) in [
        // Paths.
        ("GET /a", [NOT_FOUND; 3]),
        ("GET /3/a", [NOT_FOUND; 3]),
        ("GET /rd", [NOT_FOUND; 3]),
        ("GET /03", [BAD; 3]),
        ("GET /65535", [BAD; 3]),
        ("GET /99999", [BAD; 3]),
        ("GET /3/0/", [BAD; 3]),
        ("GET /3/0/1/2/3", [NOT_ALLOWED; 3]),
        ("GET /3/0/6/1", [NOT_ALLOWED, OK, OK]),
        ("PUT /3/0/6/1 ct=0 body=1", [NOT_ALLOWED, OK, OK]),
        ("PUT /3/0/6/1?pmin=1", [NOT_ALLOWED, OK, OK]),
        ("DELETE /3/0/6/1", [NOT_ALLOWED, OK, OK]),
        // Methods.
        ("GET /", [NOT_ALLOWED; 3]),
        ("GET / observe=0", [NOT_ALLOWED; 3]),
        ("PUT /?pmin=1", [NOT_ALLOWED; 3]),
        ("POST /", [NOT_ALLOWED; 3]),
        ("POST / ct=11542 body=x", [NOT_ALLOWED; 3]),
        ("POST /3/0", [NOT_ALLOWED; 3]),
        ("POST /3/0/6/1", [NOT_ALLOWED; 3]),
        ("POST /3/0/6/1 ct=11542 body=x", [NOT_ALLOWED; 3]),
        ("DELETE /3/0/6", [NOT_ALLOWED; 3]),
        ("PATCH /", [NOT_ALLOWED; 3]),
        ("GET /bs", [NOT_ALLOWED; 3]),
        // Bootstrap-finish carries nothing.
        ("POST /bs", [OK; 3]),
        ("POST /bs?x=1", [BAD; 3]),
        ("POST /bs?ep=a body=x", [BAD; 3]),
        ("POST /bs body=x", [BAD; 3]),
        ("FETCH /3 ct=110 body=[]", [NOT_ALLOWED; 3]),
        ("iPATCH /3/0 ct=110 body=[]", [NOT_ALLOWED; 3]),
        ("GET /3/0/6/1 accept=40", [NOT_ALLOWED; 3]),
        // Accept.
        ("GET /3/0/9 accept=0", [OK; 3]),
        ("GET /3/0 accept=0", [NOT_ACCEPTABLE; 3]),
        ("GET /3/0 accept=42", [NOT_ACCEPTABLE; 3]),
        ("GET /3/0/9 accept=60", [NOT_ACCEPTABLE, OK, OK]),
        ("GET /3/0/9 accept=110", [NOT_ACCEPTABLE, OK, OK]),
        ("GET /3/0/9 accept=11542", [OK; 3]),
        (
            "GET /3/0/9 accept=11543",
            [OK, NOT_ACCEPTABLE, NOT_ACCEPTABLE],
        ),
        (
            "GET /3/0/9 accept=11544",
            [NOT_ACCEPTABLE, NOT_ACCEPTABLE, OK],
        ),
        ("GET /3/0/9 accept=320", [NOT_ACCEPTABLE; 3]),
        ("GET /3/0/9 accept=9999", [NOT_ACCEPTABLE; 3]),
        ("GET /3/0/9 accept=40 observe=0", [NOT_ACCEPTABLE; 3]),
        ("GET /3/0 accept=60 observe=0", [NOT_ACCEPTABLE; 3]),
        // Queries.
        ("GET /3/0?x=1", [BAD; 3]),
        ("GET /3/0?depth=1", [BAD; 3]),
        ("GET /3?depth=1 accept=40", [OK; 3]),
        ("GET /3?depth=4 accept=40", [OK, OK, BAD]),
        ("GET /3?depth=x accept=40", [OK, OK, BAD]),
        ("GET /3?depth accept=40", [OK, OK, BAD]),
        ("GET /3?depth=1&depth=1 accept=40", [OK, OK, BAD]),
        ("GET /3?pmin=1 accept=40", [BAD; 3]),
        ("GET /3/0/9?pmin=1 observe=0", [BAD, BAD, OK]),
        ("GET /3/0/9?gt=1 observe=0", [BAD, BAD, OK]),
        ("GET /3/0?gt=1 observe=0", [BAD; 3]),
        ("GET /3/0/9?pmin observe=0", [BAD; 3]),
        ("GET /3/0/9?lt=5&gt=4 observe=0", [BAD; 3]),
        ("DELETE /3303/0?x", [BAD; 3]),
        ("POST /3303?x ct=11542 body=x", [BAD; 3]),
        ("POST /3303/0?x ct=11542 body=x", [BAD; 3]),
        ("POST /3/0/4?x", [BAD; 3]),
        ("POST /3/0/4?0=U ct=0 body=1", [BAD; 3]),
        // Write-attributes.
        ("PUT /3/0/9?epmin=1", [BAD, OK, OK]),
        ("PUT /3/0/9?edge=1", [BAD, BAD, OK]),
        ("PUT /3/0/9?con=1&hqmax=3", [BAD, BAD, OK]),
        ("PUT /3/0/9?pmin=5&pmax=4", [BAD; 3]),
        ("PUT /3/0/9?pmin=5&pmax=5", [OK; 3]),
        ("PUT /3/0/9?lt=5&gt=4", [BAD; 3]),
        ("PUT /3/0/9?dim=1", [BAD; 3]),
        ("PUT /3/0?gt=1", [BAD; 3]),
        ("PUT /3?st", [BAD; 3]),
        ("PUT /3/0/9", [BAD; 3]),
        ("PUT /3/0/9 body=5", [BAD; 3]),
        ("PUT /3/0/9?pmin=5 body=5", [BAD; 3]),
        ("PUT /3/0/9?pmin=5 ct=0 body=5", [BAD; 3]),
        // Content formats.
        ("PUT /3/0/9 ct=0 body=5", [OK; 3]),
        ("PUT /3/0/9 ct=60 body=5", [FORMAT, OK, OK]),
        ("PUT /3/0/9 ct=112 body=5", [FORMAT, OK, OK]),
        ("PUT /3/0/9 ct=11543 body=5", [OK, FORMAT, FORMAT]),
        ("PUT /3/0/9 ct=11544 body=5", [FORMAT, FORMAT, OK]),
        ("PUT /3/0/9 ct=40 body=5", [FORMAT; 3]),
        ("PUT /3/0/9 ct=322 body=5", [FORMAT; 3]),
        ("PUT /3/0/9 ct=9999 body=5", [FORMAT; 3]),
        ("PUT /3/0 ct=0 body=5", [FORMAT; 3]),
        ("POST /3/0 ct=0 body=5", [FORMAT; 3]),
        ("POST /3/0 ct=60 body=5", [FORMAT; 3]),
        ("POST /3/0 ct=110 body=[]", [FORMAT, OK, OK]),
        ("POST /3303 ct=11542", [OK; 3]),
        ("POST /3303 ct=0 body=5", [FORMAT; 3]),
        ("POST /3303 ct=11544 body=5", [FORMAT, FORMAT, OK]),
        ("POST /3303", [BAD; 3]),
        // Composite.
        (
            "FETCH / ct=110 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, OK, OK],
        ),
        (
            "FETCH / ct=320 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, FORMAT, OK],
        ),
        ("FETCH / ct=11544 body=x", [NOT_ALLOWED, FORMAT, FORMAT]),
        ("FETCH / ct=0 body=x", [NOT_ALLOWED, FORMAT, FORMAT]),
        ("FETCH / body=x", [NOT_ALLOWED, BAD, BAD]),
        ("FETCH / ct=110 body=x", [NOT_ALLOWED, BAD, BAD]),
        ("FETCH / ct=110 body=[]", [NOT_ALLOWED, BAD, BAD]),
        (
            "FETCH /?x ct=110 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, BAD, BAD],
        ),
        (
            "FETCH / ct=110 accept=11542 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, NOT_ACCEPTABLE, NOT_ACCEPTABLE],
        ),
        (
            "FETCH / ct=110 accept=11544 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, NOT_ACCEPTABLE, OK],
        ),
        (
            "FETCH / ct=110 accept=320 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, NOT_ACCEPTABLE, NOT_ACCEPTABLE],
        ),
        (
            "FETCH /?pmin=1 ct=110 observe=0 body=[{\"n\":\"/3\"}]",
            [NOT_ALLOWED, BAD, OK],
        ),
        (
            "FETCH /?gt=1 ct=110 observe=0 body=[{\"n\":\"/3/0/9\"}]",
            [NOT_ALLOWED, BAD, BAD],
        ),
        (
            "FETCH /?pmin ct=110 observe=0 body=[{\"n\":\"/3/0/9\"}]",
            [NOT_ALLOWED, BAD, BAD],
        ),
        ("iPATCH / ct=112 body=x", [NOT_ALLOWED, OK, OK]),
        ("iPATCH / ct=322 body=x", [NOT_ALLOWED, FORMAT, OK]),
        ("iPATCH / ct=11542 body=x", [NOT_ALLOWED, FORMAT, FORMAT]),
        ("iPATCH / body=x", [NOT_ALLOWED, BAD, BAD]),
        ("iPATCH /?x ct=112 body=x", [NOT_ALLOWED, BAD, BAD]),
    ] {
        let found = LwM2mVersion::ALL.map(|version| {
            let result = DeviceOperation::from_request(&request(line), version);
            result.err().map(|error| error.code())
        });
        assert_eq!(found, codes, "{line}");
    }
}

/// RFC 7252, section 5.4.3: an elective option of a length that its RFC does not allow is ignored, a critical one
/// makes the request one that cannot be answered.
// proves: COAP-36
#[test]
fn options_of_forbidden_length() {
    let with = |line: &str, number, value: &[u8]| {
        let mut request = request(line);
        request.options.push(number, value);
        DeviceOperation::from_request(&request, V1_2)
    };
    let code = |result: Result<_, OperationError>| result.map_err(|error| error.code());
    let read = Read {
        path: path("/3/0/9"),
        accept: None,
    };
    for value in [&[0; 4][..], &[0; 9]] {
        let found = code(with("GET /3/0/9", option::OBSERVE, value));
        assert_eq!(found, Ok(read.clone().into()), "Observe {value:?}");
    }
    let long = [0, 0, 0, 112];
    for line in ["PUT /3/0/9 body=x", "PUT /3/0/9", "POST /3303 body=x"] {
        let found = code(with(line, option::CONTENT_FORMAT, &long));
        assert_eq!(found.unwrap_err(), Code::BAD_REQUEST, "{line}");
    }
    let attributes = with("PUT /3/0/9?pmin=1", option::CONTENT_FORMAT, &long);
    assert!(matches!(
        attributes,
        Ok(DeviceOperation::WriteAttributes(_))
    ));
    let execute = with("POST /3/0/4", option::CONTENT_FORMAT, &long);
    assert!(matches!(execute, Ok(DeviceOperation::Execute(_))));
    let accept = with("GET /3/0/9", option::ACCEPT, &[0, 0, 0]);
    assert_eq!(accept.unwrap_err().code(), Code::NOT_ACCEPTABLE);
}

// proves: COAP-41
#[test]
fn what_is_not_utf_8() {
    let with = |number, value: &[u8]| {
        let mut request = request("GET /3/0");
        request.options.push(number, value);
        request
    };
    let mut execute = request("POST /3/0/4");
    execute.payload = vec![0xff].into();
    let requests = [
        with(option::URI_PATH, b"\xff"),
        with(option::URI_QUERY, b"\xff"),
        execute,
    ];
    for request in requests {
        let error = DeviceOperation::from_request(&request, V1_2).unwrap_err();
        assert_eq!(error.code(), Code::BAD_REQUEST);
    }
}
