//! The account's password, changed while it is good or because it has expired.

use backend_ai::{Client, Credentials, PasswordError};

use crate::{AccessMode, Berth, Error, SecretPlace, SignInRequest, error};

impl Berth {
    /// Changes the password of who is signed in. Where the old one is remembered, the new one is instead.
    ///
    /// # Errors
    /// `wrong-password`, `new-password-refused`, `demo-password`, `not-signed-in`, ...
    pub async fn change_password(&self, old: &str, new: &str) -> Result<(), Error> {
        let cluster = self.signed_in()?;
        let mut account = cluster.account();
        if account.demo {
            return Err(error::demo_password());
        }
        let (client, seen) = (cluster.client(), cluster.generation());
        let mut changed = client.change_password(old, new).await;
        if matches!(changed, Err(PasswordError::Other(backend_ai::Error::NotSignedIn))) {
            cluster.renew(seen).await?;
            changed = client.change_password(old, new).await;
        }
        changed.map_err(|e| error::password(&e, &account.server.address))?;
        // What a keypair remembers is the keypair.
        let id = account.profile_id.clone();
        let remembered =
            self.profiles.all().into_iter().any(|profile| profile.id == id && profile.remembered);
        if account.server.mode == AccessMode::Session && remembered {
            account.secret_place = self.remember(&id, new).await;
            if account.secret_place == SecretPlace::Memory {
                self.forget_credentials(&id).await;
            }
            let (user, password) = (account.user.clone(), new.to_owned());
            let renewal = Credentials::Password { user, password, otp: None, force: false };
            cluster.remembers(account, renewal);
        }
        Ok(())
    }

    /// Changes a password that has expired, with which `request` was refused. Sign in with the new one afterwards.
    ///
    /// # Errors
    /// `wrong-password`, `new-password-refused`, and whatever stands between here and the server.
    pub async fn change_expired_password(&self, request: &SignInRequest, new: &str) -> Result<(), Error> {
        let (network, server) = self.probe(&request.address, &request.tls).await?;
        let address = server.endpoint.to_string();
        let client = Client::new(server, &network).map_err(|e| error::cluster(&e, &address))?;
        let changed = client.change_expired_password(request.user.trim(), &request.secret, new).await;
        changed.map_err(|e| error::password(&e, &address))
    }
}
