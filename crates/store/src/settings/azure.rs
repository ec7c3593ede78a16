//! Azure Blob Storage, and Azurite.

use std::sync::Arc;

use object_store::ObjectStore;
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};

use super::client::{Common, Pace, not_built, retries};
use super::secret::given;
use super::{Environment, Secret, Settings, SettingsError};

/// What the environment says of the account.
const ACCOUNT: &str = "AZURE_STORAGE_ACCOUNT_NAME";
/// What it says of who we are, where the settings do not.
const IDENTITY: [&str; 7] = [
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_TENANT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
];

/// A container.
#[derive(Debug, Clone)]
pub(super) struct Azure {
    common: Common,
    container: String,
    account: String,
    identity: Identity,
}

#[derive(Debug, Clone)]
enum Identity {
    Key(Secret),
    Environment(Vec<(&'static str, Secret)>),
}

impl Azure {
    pub(super) fn read(
        settings: &Settings,
        container: String,
        environment: Environment<'_>,
    ) -> Result<Self, SettingsError> {
        let common = Common::read(settings)?;
        let account = settings.account.clone().or_else(|| environment(ACCOUNT));
        let account = account.ok_or_else(|| {
            SettingsError::new("account is not given: name the storage account that has the container")
        })?;
        let key = given("account_key", settings.account_key.clone(), settings.account_key_file.as_deref())?;
        let identity = match key {
            Some(key) => Identity::Key(key),
            None => {
                let found =
                    IDENTITY.iter().filter_map(|name| Some((*name, Secret::from(environment(name)?))));
                Identity::Environment(found.collect())
            }
        };
        Ok(Self { common, container, account, identity })
    }

    pub(super) fn build(&self, pace: Pace) -> Result<Arc<dyn ObjectStore>, SettingsError> {
        let mut builder = MicrosoftAzureBuilder::new()
            .with_container_name(&self.container)
            .with_account(&self.account)
            .with_client_options(self.common.options(pace))
            .with_retry(retries());
        if let Some(endpoint) = &self.common.endpoint {
            builder = builder.with_endpoint(endpoint.text());
        }
        builder = match &self.identity {
            Identity::Key(key) => builder.with_access_key(key.reveal()),
            Identity::Environment(found) => found
                .iter()
                .try_fold(builder, |builder, (name, value)| {
                    let key: AzureConfigKey = name.to_ascii_lowercase().parse()?;
                    Ok::<_, object_store::Error>(builder.with_config(key, value.reveal()))
                })
                .map_err(|error| not_built(&error))?,
        };
        Ok(Arc::new(builder.build().map_err(|error| not_built(&error))?))
    }
}
