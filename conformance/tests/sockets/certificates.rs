//! X.509: int-2, int-402 and int-403, with certificates that are made here.

use crate::{
    NAME, any_port, assert_failed, assert_passed,
    device::{self, builder, server_account, with_key},
    pace, psk,
    trigger::Operator,
    uri,
};
use lwm2m_client::Account;
use lwm2m_conformance::judge::{
    CertificateCredentials, Report,
    client::{ClientJudge, Listen, Provision, Settings},
    server::{self, Access, ServerJudge},
};
use lwm2m_core::{
    engine::{CertificateUsage, Credentials},
    secret::Secret,
    uri::Scheme,
    version::LwM2mVersion,
};
use lwm2m_server::{
    BootstrapServer, BootstrapStore, CertificateMatch, Credential, Listener, Role, SecurityStore,
    Server, ServerCertificate,
    bootstrap::{AccountSecurity, BootstrapConfig, BootstrapServerConfig, ServerAccount},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, SanType};
use std::time::Duration;

/// A certification authority.
struct Authority {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

/// A certificate with its key, DER.
struct Issued {
    certificate: Vec<u8>,
    key: Secret,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, key }
    }

    fn der(&self) -> Vec<u8> {
        self.certificate.der().to_vec()
    }

    fn issue(&self, common_name: &str, names: Vec<SanType>) -> Issued {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.subject_alt_names = names;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.certificate, &self.key);
        Issued {
            certificate: certificate.unwrap().der().to_vec(),
            key: Secret::new(key.serialize_der()),
        }
    }

    /// For whoever listens on this machine.
    fn server(&self) -> Issued {
        let here = SanType::IpAddress("127.0.0.1".parse().unwrap());
        self.issue("server", vec![here])
    }

    /// For a server with another name.
    fn other_server(&self) -> Issued {
        let name = "server.example.com".try_into().unwrap();
        self.issue("server", vec![SanType::DnsName(name)])
    }

    fn device(&self) -> Issued {
        self.issue(NAME, Vec::new())
    }
}

impl Issued {
    fn credentials(&self, trust: Vec<u8>) -> CertificateCredentials {
        CertificateCredentials {
            certificate: self.certificate.clone(),
            private_key: self.key.clone(),
            trust,
        }
    }
}

fn settings(listen: Listen) -> Settings {
    let mut settings = Settings::new(listen);
    settings.endpoint = Some(NAME.to_owned());
    settings.pace = pace();
    settings
}

/// Judges our client, which has a certificate and trusts the authority that has issued this one.
async fn judged(
    case: u16,
    authority: &Authority,
    server: Issued,
    usage: CertificateUsage,
) -> Report {
    let (given, device) = (server.certificate.clone(), authority.device());
    let mut settings = settings(Listen {
        uri: any_port(Scheme::Coaps),
        psk: None,
        certificate: Some(server.credentials(authority.der())),
    });
    settings.pace = settings.pace.patience(Duration::from_secs(15));
    let mut judge = ClientJudge::start(settings).await.unwrap();
    let server_certificate = match usage {
        CertificateUsage::TrustAnchorAssertion => authority.der(),
        _ => given,
    };
    let credentials = Credentials::Certificate {
        chain: vec![device.certificate.clone()],
        private_key: device.key.clone(),
        server_certificate,
        usage,
    };
    let account = Account::new(uri(judge.local_addresses()[0]), credentials);
    let client = builder(LwM2mVersion::V1_1).server(server_account(account));
    let device = device::start(client, false).await;
    let report = judge.run(&[case], |_| {}).await.unwrap();
    drop(device);
    judge.stop().await;
    report
}

// proves: int-402
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_registers_with_its_certificate() {
    let authority = Authority::new();
    let (server, usage) = (authority.server(), CertificateUsage::TrustAnchorAssertion);
    assert_passed(&judged(402, &authority, server, usage).await, &[402]);
}

// proves: int-403
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_refuses_another_host_name() {
    let authority = Authority::new();
    let (server, usage) = (
        authority.other_server(),
        CertificateUsage::TrustAnchorAssertion,
    );
    assert_passed(&judged(403, &authority, server, usage).await, &[403]);
}

/// A client that takes the certificate for the server's, whatever host it names, fails the case.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_does_not_look_at_the_name_fails() {
    let authority = Authority::new();
    let (server, usage) = (
        authority.other_server(),
        CertificateUsage::DomainIssuedCertificate,
    );
    let report = judged(403, &authority, server, usage).await;
    assert_failed(&report, 403, "although the certificate has another name");
}

// proves: int-2
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_is_given_a_certificate() {
    let authority = Authority::new();
    let (server, device) = (authority.server(), authority.device());
    let certificate = Some(server.credentials(authority.der()));
    let mut settings = settings(Listen {
        uri: any_port(Scheme::Coaps),
        psk: None,
        certificate,
    });
    settings.bootstrap = Some(Listen {
        uri: any_port(Scheme::Coaps),
        psk: Some(psk("device-bs", 1)),
        certificate: None,
    });
    settings.provision = Some(Provision {
        certificate: device.certificate.clone(),
        private_key: device.key.clone(),
        trust: authority.der(),
    });
    let mut judge = ClientJudge::start(settings).await.unwrap();
    let account = with_key(uri(judge.local_addresses()[1]), "device-bs", 1);
    let device = device::start(builder(LwM2mVersion::V1_1).bootstrap(account), false).await;
    let report = judge.run(&[2], |_| {}).await.unwrap();
    assert_passed(&report, &[2]);
    drop(device);
    judge.stop().await;
}

/// Our servers, which know the device by its certificate and by a key for the bootstrap.
async fn servers(authority: &Authority) -> (Server, BootstrapServer) {
    let (issued, device) = (authority.server(), authority.device());
    let security = SecurityStore::new();
    let by_name = Credential::Certificate(CertificateMatch::EndpointName);
    security.add(NAME, Role::Server, by_name).unwrap();
    let by_key = Credential::psk("device-bs", vec![1; 16]);
    security.add(NAME, Role::Bootstrap, by_key).unwrap();
    let server = Server::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security.clone())
        .certificate(ServerCertificate {
            chain: vec![issued.certificate],
            private_key: issued.key.into(),
            trust_anchors: vec![authority.der()],
        })
        .start()
        .await
        .unwrap();
    let given = AccountSecurity::Certificate {
        certificate: device.certificate,
        private_key: device.key,
        server_certificate: authority.der(),
        usage: Some(CertificateUsage::TrustAnchorAssertion),
    };
    let account = ServerAccount::new(1, uri(server.local_addresses()[0]), given);
    let configurations = BootstrapStore::new();
    configurations
        .set(NAME, BootstrapConfig::with_account(account))
        .unwrap();
    let mut config = BootstrapServerConfig::default();
    config.verify = true;
    let bootstrap_server = BootstrapServer::builder()
        .listen(Listener::coaps("127.0.0.1:0"))
        .security(security)
        .configurations(configurations)
        .config(config)
        .start()
        .await
        .unwrap();
    (server, bootstrap_server)
}

// proves: int-2, int-402
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_takes_and_gives_certificates() {
    let authority = Authority::new();
    let (server, bootstrap_server) = servers(&authority).await;
    let access = Access {
        uri: uri(server.local_addresses()[0]),
        psk: None,
        certificate: Some(authority.device().credentials(authority.der())),
    };
    let mut settings = server::Settings::new(access, NAME);
    settings.pace = pace();
    settings.bootstrap = Some(Access {
        uri: uri(bootstrap_server.local_addresses()[0]),
        psk: Some(psk("device-bs", 1)),
        certificate: None,
    });
    let mut judge = ServerJudge::start(settings, Box::new(Operator(server.clone())));
    let report = judge.run(&[2, 402], |_| {}).await.unwrap();
    assert_passed(&report, &[2, 402]);
    judge.stop().await;
    bootstrap_server.stop().await;
    server.stop().await;
}
