"""Certificates for suites that need some, made with OpenSSL."""

import pathlib
import shutil
import subprocess

# Begin and end of what has expired.
PAST = ("20200101000000Z", "20200201000000Z")
CONFIGURATION = """
[ca]
default_ca = authority
[authority]
database = {directory}/{name}.index
serial = {directory}/{name}.serial
new_certs_dir = {directory}
default_md = sha256
default_days = 30
unique_subject = no
policy = any_name
copy_extensions = copy
x509_extensions = end_entity
[end_entity]
# Without any extension it would be a certificate of version 1.
basicConstraints = critical,CA:FALSE
[any_name]
commonName = supplied
"""


def available():
    return shutil.which("openssl") is not None


class Authority:
    """Who issues certificates, all for keys on P-256, as PEM files in a directory."""

    def __init__(self, directory, name="authority"):
        self.directory = pathlib.Path(directory)
        self.name = name
        self.certificate, self.key = self.file("pem"), self.file("key")
        self.file("cnf").write_text(CONFIGURATION.format(directory=directory, name=name))
        self.file("index").touch()
        self.file("serial").write_text("01\n")
        make_key(self.key)
        openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "30",
                "-out", self.certificate)

    def file(self, suffix):
        return self.directory / f"{self.name}.{suffix}"

    def issue(self, file, common_name, address=None, valid=None):
        """A certificate and its private key (PKCS#8): their files. `valid`: begin and end, else the next 30 days."""
        certificate, key = self.directory / f"{file}.pem", self.directory / f"{file}.key"
        request = self.directory / f"{file}.csr"
        make_key(key)
        names = ["-addext", f"subjectAltName=IP:{address}"] if address else []
        openssl("req", "-new", "-key", key, "-subj", f"/CN={common_name}", "-out", request, *names)
        dates = ["-startdate", valid[0], "-enddate", valid[1]] if valid else []
        openssl("ca", "-batch", "-notext", "-config", self.file("cnf"), "-cert", self.certificate,
                "-keyfile", self.key, "-in", request, "-out", certificate, *dates)
        return certificate, key


def make_key(file):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)


def openssl(*arguments):
    result = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {result.stderr.strip()[-300:]}")
