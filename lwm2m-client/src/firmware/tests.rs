use super::*;
use std::sync::{Arc, Mutex};

/// Stores in memory; refuses what it is told to.
#[derive(Clone, Default)]
struct Flash(Arc<Mutex<FlashState>>);

#[derive(Default)]
struct FlashState {
    image: Vec<u8>,
    fail_begin: Option<FirmwareError>,
    fail_write: Option<FirmwareError>,
    fail_finish: Option<FirmwareError>,
}

impl FirmwareStorage for Flash {
    fn begin(&mut self, _size: Option<u64>) -> Result<(), FirmwareError> {
        let mut state = self.0.lock().unwrap();
        state.image.clear();
        state.fail_begin.map_or(Ok(()), Err)
    }

    fn write(&mut self, data: &[u8]) -> Result<(), FirmwareError> {
        let mut state = self.0.lock().unwrap();
        state.image.extend(data);
        state.fail_write.map_or(Ok(()), Err)
    }

    fn finish(&mut self) -> Result<PackageInfo, FirmwareError> {
        let info = PackageInfo {
            name: None,
            version: Some("2".into()),
        };
        self.0.lock().unwrap().fail_finish.map_or(Ok(info), Err)
    }

    fn discard(&mut self) {
        self.0.lock().unwrap().image.clear();
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Package(&'static [u8]),
    Uri(&'static str),
    Begin,
    Block(bool),
    Abort,
    Update,
    Cancel,
    Report(i64),
}

fn context() -> Context {
    Context::new(Clock::default(), Some(1))
}

fn step(object: &mut FirmwareObject, step: Step) -> Result<(), ObjectError> {
    let mut cx = context();
    let write = |object: &mut FirmwareObject, cx: &mut Context, id, value: ResourceValue| {
        let write = ResourceWrite::Replace(value);
        object.check(cx, 0, id, &write)?;
        object.write(cx, 0, id, write)
    };
    match step {
        Step::Package(bytes) => write(object, &mut cx, resource::PACKAGE, bytes.into()),
        Step::Uri(uri) => write(object, &mut cx, resource::PACKAGE_URI, uri.into()),
        Step::Report(number) => write(object, &mut cx, resource::UPDATE_RESULT, number.into()),
        Step::Begin => object.stream_begin(&mut cx, 0, resource::PACKAGE, Some(8)),
        Step::Block(last) => object.stream_data(&mut cx, 0, resource::PACKAGE, b"half", last),
        Step::Abort => {
            object.stream_abort(&mut cx, 0, resource::PACKAGE);
            Ok(())
        }
        Step::Update => object.execute(&mut cx, 0, resource::UPDATE, &[]),
        Step::Cancel => object.execute(&mut cx, 0, resource::CANCEL, &[]),
    }
}

fn in_state(state: UpdateState) -> (FirmwareObject, Flash) {
    let flash = Flash::default();
    let mut object = FirmwareObject::new(flash.clone());
    let steps: &[Step] = match state {
        UpdateState::Idle => &[],
        UpdateState::Downloading => &[Step::Begin, Step::Block(false)],
        UpdateState::Downloaded => &[Step::Package(b"image")],
        UpdateState::Updating => &[Step::Package(b"image"), Step::Update],
    };
    for s in steps {
        step(&mut object, *s).unwrap();
    }
    assert_eq!(object.state, state);
    (object, flash)
}

/// Every state with every step: the answer, the state and the result after it.
// proves: OBJ-21, OBJ-23, OBJ-25, OBJ-30, OBJ-31, OBJ-32, OBJ-33, OBJ-39
#[test]
fn every_transition() {
    use Step::*;
    use UpdateState::*;
    let refused = Err(ObjectError::MethodNotAllowed);
    let ok = Ok(());
    let table = [
        (Idle, Package(b"image"), ok, Downloaded, 0),
        (Idle, Package(b"\0"), ok, Idle, 0),
        (Idle, Uri(""), ok, Idle, 0),
        (Idle, Uri("coap://a/b"), ok, Idle, 9),
        (Idle, Uri("no uri"), ok, Idle, 7),
        (Idle, Begin, ok, Downloading, 0),
        (Idle, Block(false), refused, Idle, 0),
        (Idle, Abort, ok, Idle, 0),
        (Idle, Update, refused, Idle, 0),
        (Idle, Cancel, refused, Idle, 0),
        (Idle, Report(1), refused, Idle, 0),
        (Downloading, Package(b"image"), refused, Downloading, 0),
        (Downloading, Package(b"\0"), ok, Idle, 0),
        (Downloading, Uri(""), ok, Idle, 0),
        (Downloading, Uri("coap://a/b"), refused, Downloading, 0),
        (Downloading, Begin, refused, Downloading, 0),
        (Downloading, Block(false), ok, Downloading, 0),
        (Downloading, Block(true), ok, Downloaded, 0),
        (Downloading, Abort, ok, Idle, 4),
        (Downloading, Update, refused, Downloading, 0),
        (Downloading, Cancel, ok, Idle, 10),
        (Downloading, Report(1), refused, Downloading, 0),
        (Downloaded, Package(b"image"), refused, Downloaded, 0),
        (Downloaded, Package(b""), ok, Idle, 0),
        (Downloaded, Uri(""), ok, Idle, 0),
        (Downloaded, Uri("coap://a/b"), refused, Downloaded, 0),
        (Downloaded, Begin, refused, Downloaded, 0),
        (Downloaded, Block(true), refused, Downloaded, 0),
        (Downloaded, Abort, ok, Downloaded, 0),
        (Downloaded, Update, ok, Updating, 0),
        (Downloaded, Cancel, ok, Idle, 10),
        (Downloaded, Report(1), refused, Downloaded, 0),
        (Updating, Package(b"image"), refused, Updating, 0),
        (Updating, Package(b"\0"), refused, Updating, 0),
        (Updating, Uri(""), refused, Updating, 0),
        (Updating, Uri("coap://a/b"), refused, Updating, 0),
        (Updating, Begin, refused, Updating, 0),
        (Updating, Block(true), refused, Updating, 0),
        (Updating, Abort, ok, Updating, 0),
        (Updating, Update, refused, Updating, 0),
        (Updating, Cancel, refused, Updating, 0),
        (Updating, Report(1), ok, Idle, 1),
        (Updating, Report(5), ok, Idle, 5),
        (Updating, Report(8), ok, Downloaded, 8),
        (Updating, Report(11), ok, Downloaded, 11),
        (
            Updating,
            Report(12),
            Err(ObjectError::BadRequest("no update result")),
            Updating,
            0,
        ),
    ];
    for (from, action, answer, to, result) in table {
        let (mut object, _) = in_state(from);
        assert_eq!(step(&mut object, action), answer, "{from:?} {action:?}");
        assert_eq!(object.state, to, "{from:?} {action:?}");
        assert_eq!(object.result.number(), result, "{from:?} {action:?}");
    }
}

// proves: OBJ-31
#[test]
fn a_package_is_stored_whole_and_forgotten_on_reset() {
    let (mut object, flash) = in_state(UpdateState::Idle);
    for s in [Step::Begin, Step::Block(false), Step::Block(true)] {
        step(&mut object, s).unwrap();
    }
    assert_eq!(flash.0.lock().unwrap().image, b"halfhalf");
    assert!(object.resources(0).contains(&resource::PKG_VERSION));
    step(&mut object, Step::Package(b"\0")).unwrap();
    assert!(flash.0.lock().unwrap().image.is_empty());
    assert!(!object.resources(0).contains(&resource::PKG_VERSION));
}

/// What the storage refuses, and when: the answer and the result.
// proves: OBJ-27
#[test]
fn faults_of_the_storage() {
    use FirmwareError::*;
    for (error, result) in [
        (NotEnoughStorage, 2),
        (OutOfMemory, 3),
        (Integrity, 5),
        (UnsupportedPackage, 6),
    ] {
        let (mut object, flash) = in_state(UpdateState::Idle);
        flash.0.lock().unwrap().fail_begin = Some(error);
        assert_eq!(step(&mut object, Step::Begin), Err(error.refusal()));
        assert_eq!(
            (object.state, object.result.number()),
            (UpdateState::Idle, result)
        );

        let (mut object, flash) = in_state(UpdateState::Downloading);
        flash.0.lock().unwrap().fail_write = Some(error);
        assert_eq!(step(&mut object, Step::Block(false)), Err(error.refusal()));
        assert_eq!(
            (object.state, object.result.number()),
            (UpdateState::Idle, result)
        );

        let (mut object, flash) = in_state(UpdateState::Downloading);
        flash.0.lock().unwrap().fail_finish = Some(error);
        assert_eq!(
            step(&mut object, Step::Block(true)),
            Ok(()),
            "the transfer was complete"
        );
        assert_eq!(
            (object.state, object.result.number()),
            (UpdateState::Idle, result)
        );
    }
}

// proves: OBJ-26
#[test]
fn a_new_download_resets_the_result() {
    let (mut object, _) = in_state(UpdateState::Downloading);
    step(&mut object, Step::Abort).unwrap();
    assert_eq!(object.result, UpdateResult::ConnectionLost);
    let mut cx = context();
    object
        .stream_begin(&mut cx, 0, resource::PACKAGE, None)
        .unwrap();
    assert_eq!(object.result, UpdateResult::Initial);
    assert_eq!(
        cx.changed,
        [path(resource::STATE), path(resource::UPDATE_RESULT)]
    );
}

#[test]
fn results_and_numbers() {
    for (number, result) in (0..).zip(UpdateResult::ALL) {
        assert_eq!(i64::from(result.number()), number);
        assert_eq!(UpdateResult::from_number(number), Some(result));
    }
    assert_eq!(UpdateResult::from_number(12), None);
    assert_eq!(UpdateResult::from_number(-1), None);
}
