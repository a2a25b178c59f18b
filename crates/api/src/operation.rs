//! Additions to an operation of the OpenAPI document.

use utoipa::openapi::RefOr;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// What its handler says itself of this status stays.
pub(crate) fn may_answer(operation: &mut Operation, status: &str, description: &str) {
    let response = || RefOr::T(ResponseBuilder::new().description(description).build());
    operation
        .responses
        .responses
        .entry(status.to_owned())
        .or_insert_with(response);
}

pub(crate) fn add_header(
    operation: &mut Operation,
    status: &str,
    name: &str,
    description: &str,
    schema_type: Type,
) {
    if let Some(RefOr::T(response)) = operation.responses.responses.get_mut(status) {
        insert_header(response, name, description, schema_type);
    }
}

pub(crate) fn insert_header(
    response: &mut Response,
    name: &str,
    description: &str,
    schema_type: Type,
) {
    let schema = ObjectBuilder::new().schema_type(schema_type).build();
    let header = HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(description))
        .build();
    response.headers.insert(name.to_owned(), header.into());
}

pub(crate) fn has_parameter(operation: &Operation, name: &str) -> bool {
    parameters(operation).any(|parameter| parameter.name == name)
}

pub(crate) fn parameters_in(operation: &Operation, place: ParameterIn) -> bool {
    parameters(operation).any(|parameter| parameter.parameter_in == place)
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    operation
        .parameters
        .iter()
        .flatten()
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        })
}
