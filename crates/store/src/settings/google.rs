//! Google Cloud Storage.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::gcp::GoogleCloudStorageBuilder;

use super::client::{Common, Pace, not_built, retries};
use super::{Environment, Settings, SettingsError};

/// Where the environment says who we are, where the settings do not.
const SERVICE_ACCOUNT: &str = "GOOGLE_SERVICE_ACCOUNT";
const APPLICATION: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// A bucket.
#[derive(Debug, Clone)]
pub(super) struct Google {
    common: Common,
    bucket: String,
    service_account: Option<PathBuf>,
    application: Option<String>,
}

impl Google {
    pub(super) fn read(
        settings: &Settings,
        bucket: String,
        environment: Environment<'_>,
    ) -> Result<Self, SettingsError> {
        let common = Common::read(settings)?;
        let service_account = settings.service_account.clone();
        let service_account = service_account.or_else(|| environment(SERVICE_ACCOUNT).map(PathBuf::from));
        if let Some(path) = &service_account {
            std::fs::read(path).map_err(|error| {
                SettingsError::new(format!(
                    "service_account = \"{}\" cannot be read: {error}",
                    path.display()
                ))
            })?;
        }
        let application = if service_account.is_some() { None } else { environment(APPLICATION) };
        Ok(Self { common, bucket, service_account, application })
    }

    pub(super) fn build(&self, pace: Pace) -> Result<Arc<dyn ObjectStore>, SettingsError> {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&self.bucket)
            .with_client_options(self.common.options(pace))
            .with_retry(retries());
        if let Some(endpoint) = &self.common.endpoint {
            builder = builder.with_base_url(&endpoint.text());
        }
        if let Some(path) = &self.service_account {
            builder = builder.with_service_account_path(path.to_string_lossy());
        }
        if let Some(path) = &self.application {
            builder = builder.with_application_credentials(path);
        }
        Ok(Arc::new(builder.build().map_err(|error| not_built(&error))?))
    }
}
