//! Who may call what: one table, and no route outside it.
//!
//! The router asks this table for every request after matching its path. A route that is missing
//! here is refused to everybody, and a test compares the table with the OpenAPI document, so that
//! neither can forget one.

use axum::http::Method;
use custody::model::caller::Caller;
use record::Role;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Everybody, without signing in.
    Public,
    /// Whoever has signed in, with any wallet.
    SignedIn,
    /// The registrar named by the contracts.
    Registrar,
    /// The wallet of the institution that runs this node.
    Institution,
    /// Active staff of this institution with one of these roles.
    Staff(&'static [Role]),
    /// Active staff of this institution with one of these roles, or the institution itself.
    StaffOrInstitution(&'static [Role]),
    /// Active staff of any institution.
    AnyStaff,
    /// A patient enrolled at this institution.
    Patient,
    /// Another institution's node: the request carries its RFC 9421 signature.
    Peer,
}

/// Those who care for patients.
const CARE: &[Role] = &[
    Role::Doctor,
    Role::Technician,
    Role::Nurse,
    Role::Pharmacist,
];
/// Those who make records.
const AUTHORS: &[Role] = &[Role::Doctor, Role::Technician];
/// Those who can be seen by appointment.
const DOCTORS: &[Role] = &[Role::Doctor];
/// Those who check.
const AUDIT: &[Role] = &[Role::Auditor];

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Every route with its rule. Paths are those of the router.
pub const RULES: &[(Method, &str, Rule)] = &[
    (GET, "/healthz", Rule::Public),
    (GET, "/readyz", Rule::Public),
    (GET, "/metrics", Rule::Public),
    (GET, "/api/openapi.json", Rule::Public),
    (GET, "/api/v1/node", Rule::Public),
    (GET, "/api/forecast", Rule::Public),
    (GET, "/api/v1/costs", Rule::Public),
    (POST, "/api/v1/chain", Rule::Public),
    (GET, "/api/v1/log/checkpoint", Rule::Public),
    (GET, "/api/v1/log/tile/{*path}", Rule::Public),
    (GET, "/api/v1/log/consistency", Rule::Public),
    (POST, "/api/v1/log/anchor", Rule::StaffOrInstitution(AUDIT)),
    (POST, "/api/v1/session/nonce", Rule::Public),
    (POST, "/api/v1/session", Rule::Public),
    (GET, "/api/v1/session", Rule::SignedIn),
    (DELETE, "/api/v1/session", Rule::SignedIn),
    (GET, "/api/v1/directory/{wallet}", Rule::SignedIn),
    (GET, "/api/v1/acts/{id}", Rule::SignedIn),
    (POST, "/api/v1/acts/{id}/send-now", Rule::Patient),
    (POST, "/api/v1/acts/{id}/sent", Rule::Patient),
    (POST, "/api/v1/acts/{id}/withdraw", Rule::Patient),
    (POST, "/api/v1/registry/institutions", Rule::Registrar),
    (POST, "/api/v1/registry/staff", Rule::Institution),
    (POST, "/api/v1/registry/staff/{wallet}", Rule::Institution),
    (GET, "/api/v1/registry/invitation", Rule::SignedIn),
    (POST, "/api/v1/registry/invitation", Rule::SignedIn),
    (GET, "/api/v1/applications", Rule::SignedIn),
    (POST, "/api/v1/applications", Rule::SignedIn),
    (
        GET,
        "/api/v1/applications/{id}/documents/{number}",
        Rule::SignedIn,
    ),
    (POST, "/api/v1/applications/{id}/decision", Rule::Registrar),
    (
        GET,
        "/api/v1/hospital/records",
        Rule::StaffOrInstitution(AUDIT),
    ),
    (
        GET,
        "/api/v1/hospital/health",
        Rule::StaffOrInstitution(AUDIT),
    ),
    (
        GET,
        "/api/v1/hospital/intrusions",
        Rule::StaffOrInstitution(AUDIT),
    ),
    (
        GET,
        "/api/v1/hospital/figures",
        Rule::StaffOrInstitution(AUDIT),
    ),
    (POST, "/api/v1/keys", Rule::SignedIn),
    (GET, "/api/v1/patients", Rule::StaffOrInstitution(CARE)),
    (POST, "/api/v1/patients", Rule::StaffOrInstitution(CARE)),
    (GET, "/api/v1/patients/{patient}/keys", Rule::Staff(AUTHORS)),
    (POST, "/api/v1/uploads", Rule::Staff(AUTHORS)),
    (POST, "/api/v1/uploads/sealed", Rule::Staff(AUTHORS)),
    (GET, "/api/v1/uploads", Rule::Staff(AUTHORS)),
    (GET, "/api/v1/uploads/{draft}", Rule::Staff(AUTHORS)),
    (
        POST,
        "/api/v1/uploads/{draft}/signature",
        Rule::Staff(AUTHORS),
    ),
    (POST, "/api/v1/readings", Rule::Staff(AUTHORS)),
    (GET, "/api/v1/authored", Rule::Staff(AUTHORS)),
    (GET, "/api/v1/pending", Rule::Patient),
    (POST, "/api/v1/pending/{record}/approve", Rule::Patient),
    (POST, "/api/v1/pending/{record}/refuse", Rule::Patient),
    (GET, "/api/v1/records", Rule::Patient),
    (GET, "/api/v1/records/{record}/sealed/{cid}", Rule::Patient),
    (GET, "/api/v1/records/{record}/evidence", Rule::Patient),
    (POST, "/api/v1/records/{record}/erase", Rule::Patient),
    (GET, "/api/v1/index", Rule::Patient),
    (PUT, "/api/v1/index", Rule::Patient),
    (POST, "/api/v1/requests", Rule::AnyStaff),
    (GET, "/api/v1/requests", Rule::SignedIn),
    (POST, "/api/v1/grants", Rule::Patient),
    (GET, "/api/v1/grants", Rule::SignedIn),
    (POST, "/api/v1/grants/{grant}/open", Rule::SignedIn),
    (GET, "/api/v1/grants/{grant}/sealed/{cid}", Rule::SignedIn),
    (POST, "/api/v1/grants/{grant}/revoke", Rule::Patient),
    (GET, "/api/v1/links", Rule::Patient),
    (POST, "/api/v1/links", Rule::Patient),
    (POST, "/api/v1/links/{id}/revoke", Rule::Patient),
    (POST, "/api/v1/links/{id}/code", Rule::Public),
    (POST, "/api/v1/links/{id}/confirm", Rule::SignedIn),
    (GET, "/api/v1/trail", Rule::Patient),
    (GET, "/api/v1/profile", Rule::SignedIn),
    (PUT, "/api/v1/profile", Rule::SignedIn),
    (GET, "/api/v1/staff", Rule::SignedIn),
    (GET, "/api/v1/templates", Rule::SignedIn),
    (GET, "/fhir/metadata", Rule::Public),
    (GET, "/fhir/Questionnaire", Rule::SignedIn),
    (GET, "/fhir/Questionnaire/{id}", Rule::SignedIn),
    (GET, "/fhir/Organization/{wallet}", Rule::SignedIn),
    (GET, "/fhir/PractitionerRole", Rule::SignedIn),
    (GET, "/fhir/PractitionerRole/{wallet}", Rule::SignedIn),
    (GET, "/api/v1/mails", Rule::Public),
    (GET, "/api/v1/notifications", Rule::SignedIn),
    (POST, "/api/v1/notifications/seen", Rule::SignedIn),
    (GET, "/api/v1/letters", Rule::SignedIn),
    (POST, "/api/v1/letters", Rule::SignedIn),
    (POST, "/api/v1/letters/{id}/seen", Rule::SignedIn),
    (GET, "/api/v1/slots", Rule::SignedIn),
    (POST, "/api/v1/slots", Rule::Staff(DOCTORS)),
    (DELETE, "/api/v1/slots/{id}", Rule::Staff(DOCTORS)),
    (GET, "/api/v1/appointments", Rule::SignedIn),
    (POST, "/api/v1/appointments", Rule::Patient),
    (POST, "/api/v1/appointments/{id}", Rule::SignedIn),
    (GET, "/peer/v1/directory/{wallet}", Rule::Peer),
    (GET, "/peer/v1/staff", Rule::Peer),
    (POST, "/peer/v1/requests", Rule::Peer),
    (POST, "/peer/v1/grants", Rule::Peer),
    (POST, "/peer/v1/revocations", Rule::Peer),
    (POST, "/peer/v1/erasures", Rule::Peer),
    (POST, "/peer/v1/touches", Rule::Peer),
    (POST, "/peer/v1/proofs", Rule::Peer),
    (GET, "/peer/v1/pages", Rule::Peer),
    (POST, "/peer/v1/pages", Rule::Peer),
    (GET, "/peer/v1/pages/{cid}", Rule::Peer),
    (PUT, "/peer/v1/pages/{cid}", Rule::Peer),
];

/// The rule of a route, if it has one.
#[must_use]
pub fn rule_of(method: &Method, path: &str) -> Option<Rule> {
    // HEAD is answered by the GET handler and is held to its rule.
    let method = if method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    RULES
        .iter()
        .find(|(m, p, _)| m == method && *p == path)
        .map(|(_, _, rule)| *rule)
}

impl Rule {
    /// Whether `caller` may call a route with this rule. [`Rule::Peer`] is decided by the
    /// request's signature and admits no signed-in caller as such.
    #[must_use]
    pub fn admits(self, caller: &Caller, here: alloy_primitives::Address) -> bool {
        let staff_here = |roles: &[Role]| {
            caller
                .staff
                .is_some_and(|s| s.institution == here && roles.contains(&s.role))
        };
        match self {
            Self::Public | Self::SignedIn => true,
            Self::Registrar => caller.registrar,
            Self::Institution => caller.institution,
            Self::Staff(roles) => staff_here(roles),
            Self::StaffOrInstitution(roles) => caller.institution || staff_here(roles),
            Self::AnyStaff => caller.staff.is_some(),
            Self::Patient => caller.patient.is_some(),
            Self::Peer => false,
        }
    }

    /// Whom the rule admits, in words.
    #[must_use]
    pub fn who(self) -> String {
        let names = |roles: &[Role]| {
            let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
            format!("this institution's {}", names.join(", "))
        };
        match self {
            Self::Public => "everybody".to_owned(),
            Self::SignedIn => "whoever has signed in".to_owned(),
            Self::Registrar => "the registrar".to_owned(),
            Self::Institution => "the institution that runs this node".to_owned(),
            Self::Staff(roles) => names(roles),
            Self::StaffOrInstitution(roles) => format!("{} or the institution", names(roles)),
            Self::AnyStaff => "active staff of an institution".to_owned(),
            Self::Patient => "patients enrolled here".to_owned(),
            Self::Peer => "other institutions' nodes".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_route_has_two_rules() {
        for (index, (method, path, _)) in RULES.iter().enumerate() {
            let again = RULES[index + 1..]
                .iter()
                .any(|(m, p, _)| m == method && p == path);
            assert!(!again, "{method} {path} is listed twice");
        }
    }

    #[test]
    fn what_is_not_listed_has_no_rule() {
        assert_eq!(rule_of(&Method::PUT, "/healthz"), None);
        assert_eq!(rule_of(&Method::GET, "/api/v1/everything"), None);
        assert_eq!(rule_of(&Method::HEAD, "/healthz"), Some(Rule::Public));
    }
}
