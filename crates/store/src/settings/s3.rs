//! Amazon S3, and whatever speaks as it does.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, Checksum};

use super::client::{Common, Pace, not_built, retries};
use super::secret::given;
use super::{Environment, Secret, Settings, SettingsError, Sse};

/// The region of a store that has an endpoint of its own, where nobody says: they take any.
const ANY_REGION: &str = "us-east-1";
/// What the environment says of who we are, where the settings do not. Endpoints and the like are ours to say.
const IDENTITY: [&str; 11] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_METADATA_ENDPOINT",
];
/// What it says of where.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct S3 {
    common: Common,
    bucket: String,
    region: String,
    /// Where the bucket stands before the name of the host: the whole of that address, if it is not the provider's.
    virtual_host: Option<Option<String>>,
    identity: Identity,
    encryption: Option<Encryption>,
}

#[derive(Debug, Clone)]
enum Identity {
    Key { id: Secret, key: Secret, token: Option<Secret> },
    Environment(Vec<(&'static str, Secret)>),
}

#[derive(Debug, Clone)]
enum Encryption {
    Own,
    Kms(String),
}

impl S3 {
    pub(super) fn read(
        settings: &Settings,
        bucket: String,
        environment: Environment<'_>,
    ) -> Result<Self, SettingsError> {
        let common = Common::read(settings)?;
        let region = settings.region.clone();
        let region = region.or_else(|| REGIONS.iter().find_map(|name| environment(name)));
        let region = match (region, &common.endpoint) {
            (Some(region), _) => region,
            (None, Some(_)) => ANY_REGION.to_owned(),
            (None, None) => {
                let words =
                    "region is not given: name the region of the bucket, such as region = \"eu-central-1\"";
                return Err(SettingsError::new(words));
            }
        };
        let path_style = settings.path_style.unwrap_or(common.endpoint.is_some());
        let virtual_host = match &common.endpoint {
            _ if path_style => None,
            None => Some(None),
            Some(endpoint) => Some(Some(endpoint.of_bucket(&bucket)?)),
        };
        let identity = identity(settings, environment)?;
        let encryption = encryption(settings)?;
        Ok(Self { common, bucket, region, virtual_host, identity, encryption })
    }

    pub(super) fn build(&self, pace: Pace) -> Result<Arc<dyn ObjectStore>, SettingsError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&self.bucket)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(self.virtual_host.is_some())
            .with_client_options(self.common.options(pace))
            .with_retry(retries())
            // The server computes it anew over what it got, and refuses what is not that.
            .with_checksum_algorithm(Checksum::SHA256)
            // One by one is what every server can.
            .with_disable_bulk_delete(true);
        let endpoint = self.common.endpoint.as_ref().map(super::address::Endpoint::text);
        if let Some(endpoint) = self.virtual_host.clone().flatten().or(endpoint) {
            builder = builder.with_endpoint(endpoint);
        }
        builder = match &self.identity {
            Identity::Key { id, key, token } => {
                let builder = builder.with_access_key_id(id.reveal()).with_secret_access_key(key.reveal());
                token.iter().fold(builder, |builder, token| builder.with_token(token.reveal()))
            }
            Identity::Environment(found) => found
                .iter()
                .try_fold(builder, |builder, (name, value)| {
                    let key: AmazonS3ConfigKey = name.to_ascii_lowercase().parse()?;
                    Ok::<_, object_store::Error>(builder.with_config(key, value.reveal()))
                })
                .map_err(|error| not_built(&error))?,
        };
        builder = match &self.encryption {
            None => builder,
            Some(Encryption::Own) => {
                let key = "aws_server_side_encryption".parse().map_err(|error| not_built(&error))?;
                builder.with_config(key, "AES256")
            }
            Some(Encryption::Kms(key)) => builder.with_sse_kms_encryption(key),
        };
        Ok(Arc::new(builder.build().map_err(|error| not_built(&error))?))
    }
}

fn identity(settings: &Settings, environment: Environment<'_>) -> Result<Identity, SettingsError> {
    let id = settings.access_key_id.clone().map(Secret::from);
    let id = given("access_key_id", id, settings.access_key_id_file.as_deref())?;
    let key = settings.secret_access_key.clone();
    let key = given("secret_access_key", key, settings.secret_access_key_file.as_deref())?;
    let token =
        given("session_token", settings.session_token.clone(), settings.session_token_file.as_deref())?;
    match (id, key) {
        (Some(id), Some(key)) => Ok(Identity::Key { id, key, token }),
        (None, None) if token.is_some() => Err(SettingsError::new(
            "session_token goes with access_key_id and secret_access_key: give those, too",
        )),
        (None, None) => {
            let found = IDENTITY.iter().filter_map(|name| Some((*name, Secret::from(environment(name)?))));
            Ok(Identity::Environment(found.collect()))
        }
        (Some(_), None) => Err(SettingsError::new(
            "access_key_id is given without its key: give secret_access_key or secret_access_key_file, too",
        )),
        (None, Some(_)) => Err(SettingsError::new(
            "secret_access_key is given without its name: give access_key_id or access_key_id_file, too",
        )),
    }
}

fn encryption(settings: &Settings) -> Result<Option<Encryption>, SettingsError> {
    match (settings.sse, &settings.sse_key) {
        (None, None) => Ok(None),
        (Some(Sse::Aes256), None) => Ok(Some(Encryption::Own)),
        (Some(Sse::Kms), Some(key)) => Ok(Some(Encryption::Kms(key.clone()))),
        (Some(Sse::Kms), None) => {
            Err(SettingsError::new("sse = \"aws:kms\" needs sse_key: the ARN of the key"))
        }
        (_, Some(_)) => Err(SettingsError::new("sse_key goes with sse = \"aws:kms\" alone")),
    }
}
