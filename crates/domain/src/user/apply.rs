use super::{User, UserEvent};

impl User {
    pub fn evolve(&mut self, event: &UserEvent) {
        match event {
            UserEvent::Registered {
                email,
                first_name,
                last_name,
                roles,
            } => {
                self.registered = true;
                self.email = email.clone();
                self.first_name = first_name.clone();
                self.last_name = last_name.clone();
                self.roles = roles.clone();
            }
            UserEvent::Renamed {
                first_name,
                last_name,
            } => {
                self.first_name = first_name.clone();
                self.last_name = last_name.clone();
            }
            UserEvent::RolesChanged { roles } => self.roles = roles.clone(),
        }
    }
}
