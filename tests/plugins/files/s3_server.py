"""A server that speaks S3, on a port of this machine, and checks keys and signatures."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import requests
from moto.server import ThreadedMotoServer

BUCKET = "portico-files"
REGION = "eu-west-1"
POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'


class S3Server:
    """`url`: its address. `environment`: the settings with which files are stored in its bucket."""

    def __init__(self, url: str) -> None:
        self.url = url
        # What a server keeps belongs to the process: an earlier one has left its own.
        requests.post(f"{url}/moto-api/reset", timeout=10)
        requests.post(f"{url}/moto-api/reset-auth", data="inf", timeout=10)
        identities = self._client("iam", "any", "any")
        identities.create_user(UserName="portico")
        key = identities.create_access_key(UserName="portico")["AccessKey"]
        identities.put_user_policy(UserName="portico", PolicyName="all", PolicyDocument=POLICY)
        self._key = (key["AccessKeyId"], key["SecretAccessKey"])
        self._client("s3", *self._key).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        requests.post(f"{url}/moto-api/reset-auth", data="0", timeout=10)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "STORAGE_PROVIDER": "s3",
            "S3_ENDPOINT_URL": self.url,
            "S3_BUCKET_NAME": BUCKET,
            "S3_KEY_PREFIX": "uploads",
            "S3_REGION_NAME": REGION,
            "S3_ACCESS_KEY_ID": self._key[0],
            "S3_SECRET_ACCESS_KEY": self._key[1],
        }

    def contents(self) -> dict[str, bytes]:
        """Return all objects by key."""
        client = self._client("s3", *self._key)
        found = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return {
            one["Key"]: client.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
            for one in found
        }

    def empty(self) -> None:
        """Delete all objects, such as those of earlier tests."""
        client = self._client("s3", *self._key)
        for key in self.contents():
            client.delete_object(Bucket=BUCKET, Key=key)

    def delete_bucket(self) -> None:
        """Delete the empty bucket, so that the store fails."""
        self._client("s3", *self._key).delete_bucket(Bucket=BUCKET)

    def _client(self, service: str, key_id: str, secret: str) -> Any:
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
        )


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Start a server with one bucket."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
