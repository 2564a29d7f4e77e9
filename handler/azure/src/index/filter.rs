//! Filters as OData: the only place where OData is put together. Names are columns of ours, values are literals.

use super::schema::Schema;
use pool::{
    FieldType, TenantId,
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::{PortError, PortResult, Visibility},
};

/// `tenantId eq 't' and (whose) and (filter)`: the tenant first, and outside of all else.
pub(super) fn render(
    schema: &Schema,
    tenant: &TenantId,
    visibility: &Visibility,
    tree: Option<&Filter>,
) -> PortResult<String> {
    let mut odata = format!("tenantId eq {}", literal(tenant.as_str()));
    if let Visibility::User(user) = visibility {
        odata = format!("{odata} and (owner eq null or owner eq {})", literal(user));
    }
    if let Some(tree) = tree {
        odata = format!("{odata} and ({})", expression(schema, tree)?);
    }
    Ok(odata)
}

/// True or false exactly when [`Filter::passes`] is.
fn expression(schema: &Schema, tree: &Filter) -> PortResult<String> {
    match tree {
        Filter::And { and } => join(schema, and, " and ", "true"),
        Filter::Or { or } => join(schema, or, " or ", "false"),
        Filter::Not { not } => Ok(format!("not ({})", expression(schema, not)?)),
        Filter::Compare { field, op, value } => compare(schema, field, *op, value),
        Filter::In { field, r#in: values } => {
            let equal = |value| compare(schema, field, Comparison::Eq, value);
            let parts: Vec<String> = values.iter().map(equal).collect::<PortResult<_>>()?;
            Ok(any(&parts, " or ", "false"))
        }
    }
}

fn join(schema: &Schema, parts: &[Filter], with: &str, empty: &str) -> PortResult<String> {
    let parts: Vec<String> = parts.iter().map(|part| expression(schema, part)).collect::<PortResult<_>>()?;
    Ok(any(&parts, with, empty))
}

fn any(parts: &[String], with: &str, empty: &str) -> String {
    if parts.is_empty() { empty.to_owned() } else { format!("({})", parts.join(with)) }
}

fn compare(schema: &Schema, field: &FieldPath, op: Comparison, value: &Scalar) -> PortResult<String> {
    if !schema.declares(field.as_str()) {
        return Err(PortError::refused("a filter names a field that is not declared"));
    }
    let (kind, constant) = match value {
        Scalar::Text(text) => (FieldType::Text, literal(text)),
        // Nothing compares with NaN.
        Scalar::Number(number) if number.is_nan() => return Ok("false".to_owned()),
        Scalar::Number(value) => (FieldType::Number, number(*value)),
        Scalar::Bool(value) => (FieldType::Bool, value.to_string()),
    };
    // A field that never has values of this type never compares with one.
    let Some(column) = schema.column(field.as_str(), kind) else { return Ok("false".to_owned()) };
    // Null equals nothing, is less and greater than nothing, and is unequal to everything: the last is not what we mean.
    Ok(match (op, value) {
        (Comparison::Eq, _) => format!("{column} eq {constant}"),
        (Comparison::Ne, _) => format!("({column} ne null and {column} ne {constant})"),
        // The service has no order of booleans; ours is `false`, `true`.
        (Comparison::Lt, Scalar::Bool(true)) => format!("{column} eq false"),
        (Comparison::Gt, Scalar::Bool(false)) => format!("{column} eq true"),
        (Comparison::Lt | Comparison::Gt, Scalar::Bool(_)) => "false".to_owned(),
        (Comparison::Le, Scalar::Bool(true)) | (Comparison::Ge, Scalar::Bool(false)) => {
            format!("{column} ne null")
        }
        (Comparison::Le | Comparison::Ge, Scalar::Bool(_)) => format!("{column} eq {constant}"),
        (Comparison::Lt, _) => format!("{column} lt {constant}"),
        (Comparison::Le, _) => format!("{column} le {constant}"),
        (Comparison::Gt, _) => format!("{column} gt {constant}"),
        (Comparison::Ge, _) => format!("{column} ge {constant}"),
    })
}

/// Text between apostrophes, with those inside doubled.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A number that is not NaN. Zero has one sign, as in [`super::document`].
fn number(value: f64) -> String {
    match value {
        f64::INFINITY => "INF".to_owned(),
        f64::NEG_INFINITY => "-INF".to_owned(),
        value => format!("{:?}", value + 0.0),
    }
}
