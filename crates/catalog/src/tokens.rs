//! Bearer tokens as rows: a name, the SHA-256 of the token, what it allows and shows. Never the token.

use causeway_core::{Permissions, Scope, Sight};

use crate::Catalog;
use crate::audit;
use crate::engine::Durability;
use crate::error::Error;

/// A token that may be presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// What an administrator calls it; the principal's name.
    pub name: String,
    /// Digest of the token.
    pub sha256: [u8; 32],
    /// What its bearer may do.
    pub permissions: Permissions,
    /// What its bearer sees.
    pub sight: Sight,
}

impl Catalog {
    /// All tokens by name.
    ///
    /// # Errors
    /// When the database fails or a row cannot be read.
    pub async fn tokens(&self) -> Result<Vec<TokenRecord>, Error> {
        self.engine
            .read(|connection| {
                let mut statement = connection
                    .prepare_cached("SELECT name, sha256, permissions, scope FROM token ORDER BY name")?;
                let mut rows = statement.query([])?;
                let mut tokens = Vec::new();
                while let Some(row) = rows.next()? {
                    let permissions = serde_json::from_str(&row.get::<String>(2)?)
                        .map_err(|_| Error::Corrupt("a token's permissions"))?;
                    let scope: Option<String> = row.get(3)?;
                    let scope = scope.map(|text| serde_json::from_str::<Scope>(&text)).transpose();
                    let sight = scope.map_err(|_| Error::Corrupt("a token's scope"))?.into();
                    tokens.push(TokenRecord { name: row.get(0)?, sha256: row.get(1)?, permissions, sight });
                }
                Ok(tokens)
            })
            .await
    }

    /// Adds a token, or changes the one of this name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn put_token(&self, token: TokenRecord, who: &str) -> Result<(), Error> {
        let (now, who) = (self.now_ms(), who.to_owned());
        let permissions =
            serde_json::to_string(&token.permissions).map_err(|_| Error::Corrupt("a token's permissions"))?;
        let scope = token.sight.scope().map(serde_json::to_string).transpose();
        let scope = scope.map_err(|_| Error::Corrupt("a token's scope"))?;
        self.engine
            .write(Durability::Synced, move |connection| {
                // What is shown names one token: under another name it is known no more.
                connection
                    .prepare_cached("DELETE FROM token WHERE sha256 = ?1 AND name <> ?2")?
                    .execute((token.sha256, &token.name))?;
                connection
                    .prepare_cached(
                        "INSERT INTO token (name, sha256, permissions, scope) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256,
                         permissions = excluded.permissions, scope = excluded.scope",
                    )?
                    .execute((&token.name, token.sha256, permissions, scope))?;
                audit::change(connection, now, &who, "token-put", &token.name)
            })
            .await
    }

    /// Removes a token; says whether there was one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remove_token(&self, name: &str, who: &str) -> Result<bool, Error> {
        let (now, who, name) = (self.now_ms(), who.to_owned(), name.to_owned());
        self.engine
            .write(Durability::Synced, move |connection| {
                let removed =
                    connection.prepare_cached("DELETE FROM token WHERE name = ?1")?.execute([&name])?;
                if removed > 0 {
                    audit::change(connection, now, &who, "token-remove", &name)?;
                }
                Ok(removed > 0)
            })
            .await
    }
}
