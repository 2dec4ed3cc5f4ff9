//! Making, approving, keeping and erasing records.

use alloy_primitives::B256;
use api::acts::Signature;
use api::error::ErrorBody;
use api::records::{
    Approval, DraftView, EraseOrder, ErasureView, Evidence, IndexForm, IndexView, RefusalNote,
    SealedDraft, SealedForm, Stage, UploadForm, UploadKeys, VersionView,
};
use axum::extract::multipart::{MultipartError, MultipartRejection};
use axum::extract::{Multipart, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use bytes::{Bytes, BytesMut};
use custody::model::caller::Caller;
use custody::model::upload::{NewUpload, SEALED_MANIFEST, UploadFile};
use custody::model::version::Version;

use super::{Answer, sealed as stream};
use crate::app::App;
use crate::error::ApiError;
use crate::http::extract::{At, Json as Body};

/// The longest text field of a form, bytes.
const TEXT: usize = 200_000;

/// The caller's drafts.
#[utoipa::path(get, path = "/api/v1/uploads", tag = "records", responses((status = 200, body = [DraftView])), security(("session" = [])))]
pub(crate) async fn drafts(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<DraftView>> {
    Ok(Json(app.hospital().drafts_of(caller.wallet).await?))
}

/// Upload a radiograph with its report; the answer is what the author has to sign. The same
/// `Idempotency-Key` with the same content returns the same draft.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "records", params(("idempotency-key" = String, Header)), request_body(content = UploadForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = DraftView),
    (status = 409, body = ErrorBody, description = "The key was used for something else"),
    (status = 413, body = ErrorBody), (status = 422, body = ErrorBody, description = "The file cannot be taken, or is another patient's"),
    (status = 507, body = ErrorBody, description = "No room left")
), security(("session" = [])))]
pub(crate) async fn upload(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Answer<DraftView> {
    let key = idempotency_key(&headers)?;
    let form = form.map_err(|e| ApiError::unreadable(e.body_text()))?;
    let new = read_form(form, app.config().limits.upload_bytes).await?;
    Ok(Json(app.hospital().draft(&caller, key, new).await?))
}

fn idempotency_key(headers: &HeaderMap) -> Result<&str, ApiError> {
    let key = headers.get("idempotency-key").and_then(|v| v.to_str().ok());
    key.ok_or_else(|| ApiError::unreadable("the Idempotency-Key header is missing"))
}

/// To whom the caller's client seals a record for this patient: the patient and the institution.
#[utoipa::path(get, path = "/api/v1/patients/{patient}/keys", tag = "records", params(("patient" = String, Path)), responses(
    (status = 200, body = UploadKeys), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn upload_keys(
    State(app): State<App>,
    At(patient): At<B256>,
) -> Answer<UploadKeys> {
    Ok(Json(app.hospital().upload_keys(patient).await?))
}

/// Upload a record that the caller's client has sealed and signed; the node sees no plaintext. The
/// fields come in this order: `draft`, `manifest`, and one `part` for each part of the manifest, in
/// its order. Sent again under the same `Idempotency-Key`, a cut-off upload goes on. The signature
/// is sent to `/api/v1/uploads/{draft}/signature`, as for other uploads.
#[utoipa::path(post, path = "/api/v1/uploads/sealed", tag = "records", params(("idempotency-key" = String, Header)), request_body(content = SealedForm, content_type = "multipart/form-data"), responses(
    (status = 200, body = DraftView),
    (status = 409, body = ErrorBody, description = "The key was used for something else"),
    (status = 413, body = ErrorBody), (status = 422, body = ErrorBody, description = "Manifest, envelopes, parts and signature do not agree"),
    (status = 507, body = ErrorBody, description = "No room left")
), security(("session" = [])))]
pub(crate) async fn upload_sealed(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Answer<DraftView> {
    let key = idempotency_key(&headers)?;
    let mut form = form.map_err(|e| ApiError::unreadable(e.body_text()))?;
    let taken = take_sealed(&app, &caller, key, &mut form).await;
    if taken.is_err() {
        // Who is still sending does not read the answer before everything is sent.
        while let Ok(Some(_)) = form.next_field().await {}
    }
    taken.map(Json)
}

async fn take_sealed(
    app: &App,
    caller: &Caller,
    key: &str,
    form: &mut Multipart,
) -> Result<DraftView, ApiError> {
    let draft = next_field(form, "draft", TEXT).await?;
    let draft: SealedDraft = serde_json::from_slice(&draft)
        .map_err(|e| ApiError::unreadable(format!("draft cannot be read: {e}")))?;
    let manifest = next_field(form, "manifest", SEALED_MANIFEST).await?;
    let hospital = app.hospital();
    let mut reception = hospital
        .receive(caller, key, draft, manifest.into())
        .await?;
    let limit = usize::try_from(app.config().limits.upload_bytes).unwrap_or(usize::MAX);
    while let Some(field) = form.next_field().await.map_err(cut_short)? {
        if field.name() != Some("part") {
            return Err(ApiError::unreadable("after the manifest come parts alone"));
        }
        let sealed = read_field(field, limit, "a part").await?;
        hospital.receive_part(&mut reception, sealed).await?;
    }
    Ok(hospital.received(reception).await?)
}

async fn next_field(
    form: &mut Multipart,
    name: &'static str,
    limit: usize,
) -> Result<Bytes, ApiError> {
    let field = form.next_field().await.map_err(cut_short)?;
    let field = field.filter(|f| f.name() == Some(name));
    let field =
        field.ok_or_else(|| ApiError::unreadable(format!("the field {name} comes here")))?;
    read_field(field, limit, name).await
}

fn cut_short(error: MultipartError) -> ApiError {
    let hint = "send the upload again with the same Idempotency-Key";
    ApiError::new(error.status(), "upload_cut_short", error.body_text(), hint)
}

#[derive(Default)]
struct Form {
    patient: Option<String>,
    title: String,
    report: String,
    corrects: Option<String>,
    modality: String,
    body_part: String,
    file: Option<Bytes>,
}

async fn read_form(mut form: Multipart, limit: u64) -> Result<NewUpload, ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut read = Form::default();
    while let Some(field) = form.next_field().await.map_err(cut_short)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            read.file = Some(read_field(field, limit, "the file").await?);
            continue;
        }
        let text = read_field(field, TEXT, "a field").await?;
        let text = String::from_utf8(text.to_vec())
            .map_err(|_| ApiError::unreadable(format!("{name} is not UTF-8 text")))?;
        match name.as_str() {
            "patient" => read.patient = Some(text),
            "title" => read.title = text,
            "report" => read.report = text,
            "corrects" => read.corrects = Some(text),
            "modality" => read.modality = text,
            "body_part" => read.body_part = text,
            other => return Err(ApiError::unreadable(format!("there is no field {other:?}"))),
        }
    }
    finish(read)
}

async fn read_field(
    mut field: axum::extract::multipart::Field<'_>,
    limit: usize,
    what: &'static str,
) -> Result<Bytes, ApiError> {
    let mut bytes = BytesMut::new();
    loop {
        let chunk = field.chunk().await.map_err(cut_short)?;
        let Some(chunk) = chunk else {
            return Ok(bytes.freeze());
        };
        if bytes.len() + chunk.len() > limit {
            return Err(custody::model::error::Error::TooLarge {
                what,
                limit: limit as u64,
            }
            .into());
        }
        bytes.extend_from_slice(&chunk);
    }
}

fn finish(read: Form) -> Result<NewUpload, ApiError> {
    let hash = |text: &str, what: &str| -> Result<B256, ApiError> {
        text.parse()
            .map_err(|_| ApiError::unreadable(format!("{what} is not 32 bytes in hex")))
    };
    let patient = read
        .patient
        .ok_or_else(|| ApiError::unreadable("the field patient is missing"))?;
    let bytes = read
        .file
        .ok_or_else(|| ApiError::unreadable("the field file is missing"))?;
    Ok(NewUpload {
        patient: hash(&patient, "patient")?,
        title: read.title,
        report: read.report,
        corrects: read.corrects.map(|c| hash(&c, "corrects")).transpose()?,
        file: UploadFile {
            modality: read.modality,
            body_part: read.body_part,
            bytes,
        },
    })
}

/// One of the caller's drafts.
#[utoipa::path(get, path = "/api/v1/uploads/{draft}", tag = "records", params(("draft" = String, Path)), responses(
    (status = 200, body = DraftView), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn draft(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(draft): At<B256>,
) -> Answer<DraftView> {
    Ok(Json(app.hospital().draft_of(caller.wallet, draft).await?))
}

/// Sign a draft. The answer comes when a quorum of institutions holds the record.
#[utoipa::path(post, path = "/api/v1/uploads/{draft}/signature", tag = "records", params(("draft" = String, Path)), request_body = Signature, responses(
    (status = 200, body = VersionView), (status = 422, body = ErrorBody),
    (status = 503, body = ErrorBody, description = "Too few replicas answer; repeat the request")
), security(("session" = [])))]
pub(crate) async fn sign(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(draft): At<B256>,
    Body(signed): Body<Signature>,
) -> Answer<VersionView> {
    let version = app
        .hospital()
        .sign_upload(caller.wallet, draft, signed.signature)
        .await?;
    Ok(Json(version.to_author()))
}

/// The versions that the caller made.
#[utoipa::path(get, path = "/api/v1/authored", tag = "records", responses((status = 200, body = [VersionView])), security(("session" = [])))]
pub(crate) async fn authored(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<VersionView>> {
    let versions = app.hospital().authored(caller.wallet).await?;
    Ok(Json(versions.iter().map(Version::to_author).collect()))
}

pub(super) fn patient(caller: &Caller) -> Result<B256, ApiError> {
    caller
        .patient
        .ok_or_else(|| ApiError::forbidden("patients enrolled here"))
}

/// The versions that wait for the caller.
#[utoipa::path(get, path = "/api/v1/pending", tag = "records", responses((status = 200, body = [VersionView])), security(("session" = [])))]
pub(crate) async fn pending(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<VersionView>> {
    let versions = app
        .hospital()
        .versions(patient(&caller)?, Some(Stage::Pending))
        .await?;
    Ok(Json(versions.iter().map(Version::to_patient).collect()))
}

/// Take a version into the record.
#[utoipa::path(post, path = "/api/v1/pending/{record}/approve", tag = "records", params(("record" = String, Path)), request_body = Approval, responses(
    (status = 200, body = VersionView), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(record): At<B256>,
    Body(approval): Body<Approval>,
) -> Answer<VersionView> {
    let version = app
        .hospital()
        .approve(patient(&caller)?, record, approval)
        .await?;
    Ok(Json(version.to_patient()))
}

/// Refuse a version.
#[utoipa::path(post, path = "/api/v1/pending/{record}/refuse", tag = "records", params(("record" = String, Path)), request_body = RefusalNote, responses(
    (status = 200, body = VersionView), (status = 409, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn refuse(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(record): At<B256>,
    Body(note): Body<RefusalNote>,
) -> Answer<VersionView> {
    let version = app
        .hospital()
        .refuse(patient(&caller)?, record, note)
        .await?;
    Ok(Json(version.to_patient()))
}

/// The caller's versions, in any stage.
#[utoipa::path(get, path = "/api/v1/records", tag = "records", responses((status = 200, body = [VersionView])), security(("session" = [])))]
pub(crate) async fn records(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Answer<Vec<VersionView>> {
    let versions = app.hospital().versions(patient(&caller)?, None).await?;
    Ok(Json(versions.iter().map(Version::to_patient).collect()))
}

/// Sealed bytes of the caller's own record.
#[utoipa::path(get, path = "/api/v1/records/{record}/sealed/{cid}", tag = "records", params(("record" = String, Path), ("cid" = String, Path)), responses(
    (status = 200, content_type = "application/octet-stream"), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn sealed(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At((record, cid)): At<(B256, String)>,
) -> Result<Response, ApiError> {
    Ok(stream(
        app.hospital()
            .own_blob(patient(&caller)?, record, &cid)
            .await?,
    ))
}

/// Log entries, grants and transactions about a record, for its proof bundle.
#[utoipa::path(get, path = "/api/v1/records/{record}/evidence", tag = "records", params(("record" = String, Path)), responses(
    (status = 200, body = Evidence), (status = 404, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn evidence(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(record): At<B256>,
) -> Answer<Evidence> {
    Ok(Json(
        app.hospital().evidence(patient(&caller)?, record).await?,
    ))
}

/// Erase a record for good.
#[utoipa::path(post, path = "/api/v1/records/{record}/erase", tag = "records", params(("record" = String, Path)), request_body = EraseOrder, responses(
    (status = 200, body = ErasureView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)
), security(("session" = [])))]
pub(crate) async fn erase(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(record): At<B256>,
    Body(order): Body<EraseOrder>,
) -> Answer<ErasureView> {
    let hospital = app.hospital();
    let versions = hospital.versions(patient(&caller)?, None).await?;
    let ordered = |v: &Version| v.record == record && v.controller == Some(order.controller);
    if !versions.iter().any(ordered) {
        return Err(custody::model::error::Error::NotFound("record").into());
    }
    Ok(Json(hospital.erase(&caller, order).await?.into()))
}

/// The caller's sealed index.
#[utoipa::path(get, path = "/api/v1/index", tag = "records", responses((status = 200, body = IndexView)), security(("session" = [])))]
pub(crate) async fn index(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<IndexView>), ApiError> {
    let page = app.hospital().index(caller.wallet).await?;
    Ok((
        StatusCode::OK,
        Json(IndexView {
            sealed: page.map(|p| p.sealed),
        }),
    ))
}

/// Replace the caller's sealed index alone.
#[utoipa::path(put, path = "/api/v1/index", tag = "records", request_body = IndexForm, responses(
    (status = 200, body = IndexView), (status = 422, body = ErrorBody, description = "It does not follow the one kept here")
), security(("session" = [])))]
pub(crate) async fn set_index(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(form): Body<IndexForm>,
) -> Answer<IndexView> {
    app.hospital().set_index(&caller, &form.index).await?;
    let sealed = Some(form.index);
    Ok(Json(IndexView { sealed }))
}
