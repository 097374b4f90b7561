//! webrtc-dtls: both sides on one thread of tokio, with channels for a network.

use super::super::{
    Outcome,
    contest::{Contender, PAYLOAD, Scheme, Spent, Work, cpu_time},
    material::{IDENTITY, KEY, Material, Own, SERVER_NAME},
};
use crate::allocation::live_bytes;
use rcgen::KeyPair;
use rustls_pki_types::CertificateDer;
use std::{collections::HashMap, sync::Arc};
use tokio::runtime::Runtime;
use webrtc_dtls::{
    cipher_suite::CipherSuiteId,
    config::{ClientAuthType, Config, ExtendedMasterSecretType},
    conn::DTLSConn,
    crypto::{Certificate, CryptoPrivateKey},
};
use webrtc_util::conn::conn_pipe::pipe;

/// Client and server in a session.
type Session = (DTLSConn, DTLSConn);

pub(super) struct WebRtc {
    runtime: Runtime,
    material: Material,
    standing: HashMap<&'static str, Session>,
}

impl WebRtc {
    pub(super) fn new(material: &Material) -> Outcome<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(WebRtc {
            runtime,
            material: material.clone(),
            standing: HashMap::new(),
        })
    }

    fn configs(&self, scheme: Scheme) -> Outcome<[Config; 2]> {
        Ok([
            config(&self.material, scheme, false)?,
            config(&self.material, scheme, true)?,
        ])
    }
}

fn config(material: &Material, scheme: Scheme, server: bool) -> Outcome<Config> {
    let suite = match scheme {
        Scheme::PskCcm8 => CipherSuiteId::Tls_Psk_With_Aes_128_Ccm_8,
        Scheme::X509Ccm8 => CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Ccm_8,
        Scheme::X509Gcm => CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
        Scheme::RpkCcm8 | Scheme::PskCbc => return Err("it does not offer that".into()),
    };
    let mut config = Config {
        cipher_suites: vec![suite],
        extended_master_secret: ExtendedMasterSecretType::Require,
        ..Config::default()
    };
    if scheme.is_psk() {
        config.psk = Some(Arc::new(|_| Ok(KEY.to_vec())));
        config.psk_identity_hint = (!server).then(|| IDENTITY.to_vec());
        return Ok(config);
    }
    let own = if server {
        &material.server
    } else {
        &material.client
    };
    config.certificates = vec![certificate(own)?];
    config.roots_cas = material.roots()?;
    config.client_cas = material.roots()?;
    config.client_auth = ClientAuthType::RequireAndVerifyClientCert;
    config.server_name = SERVER_NAME.to_owned();
    Ok(config)
}

fn certificate(own: &Own) -> Outcome<Certificate> {
    let key = KeyPair::try_from(&own.key[..])?;
    Ok(Certificate {
        certificate: vec![CertificateDer::from(own.certificate.clone())],
        private_key: CryptoPrivateKey::from_key_pair(&key)?,
    })
}

async fn connect([client, server]: [Config; 2]) -> Outcome<Session> {
    let (up, down) = pipe();
    let client = DTLSConn::new(Arc::new(up), client, true, None);
    let server = DTLSConn::new(Arc::new(down), server, false, None);
    Ok(tokio::try_join!(client, server)?)
}

async fn echo((client, server): &Session) -> Outcome<()> {
    let mut buffer = [0; 256];
    client.write(&PAYLOAD, None).await?;
    let length = server.read(&mut buffer, None).await?;
    server.write(&buffer[..length], None).await?;
    let length = client.read(&mut buffer, None).await?;
    match buffer[..length] == PAYLOAD {
        true => Ok(()),
        false => Err("another echo".into()),
    }
}

impl Contender for WebRtc {
    fn name(&self) -> String {
        "webrtc-dtls 0.12".to_owned()
    }

    fn offers(&self, work: Work) -> bool {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        !matches!(scheme, Scheme::RpkCcm8 | Scheme::PskCbc)
    }

    fn run(&mut self, work: Work, times: u32) -> Outcome<Spent> {
        let (Work::Handshake(scheme) | Work::Echo(scheme)) = work;
        let configs = self.configs(scheme)?;
        if matches!(work, Work::Echo(_)) && !self.standing.contains_key(scheme.word()) {
            let session = self.runtime.block_on(connect(configs.clone()))?;
            self.standing.insert(scheme.word(), session);
        }
        let before = cpu_time();
        self.runtime.block_on(async {
            for _ in 0..times {
                match work {
                    Work::Handshake(_) => {
                        let (client, server) = connect(configs.clone()).await?;
                        // Else the tasks of both sides go on for ever.
                        client.close().await?;
                        server.close().await?;
                    }
                    Work::Echo(_) => {
                        let session = self.standing.get(scheme.word());
                        echo(session.ok_or("there is no session")?).await?;
                    }
                }
            }
            Outcome::Ok(())
        })?;
        Ok(Spent {
            cpu: cpu_time() - before,
            sides: None,
        })
    }

    /// Half of what both sides take: where one of them is dropped, the other does not stay as it was.
    fn at_rest(&mut self, scheme: Scheme, sessions: usize) -> Outcome<Option<f64>> {
        if !self.offers(Work::Handshake(scheme)) {
            return Ok(None);
        }
        let configs = self.configs(scheme)?;
        let mut kept = Vec::with_capacity(sessions);
        let before = live_bytes();
        for _ in 0..sessions {
            kept.push(self.runtime.block_on(connect(configs.clone()))?);
        }
        let bytes = live_bytes() - before;
        self.runtime.block_on(async {
            for (client, server) in kept {
                client.close().await?;
                server.close().await?;
            }
            Outcome::Ok(())
        })?;
        Ok(Some(bytes as f64 / 2.0 / sessions as f64))
    }
}
