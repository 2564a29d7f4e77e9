// What can be connected only when the app is there and answers, for the host's keys are had from it: the gateway's API, and
// Event Grid's word of the drop folders. hooks/postdeploy.sh deploys this after the app. Until then nothing is let through.
// The keys are read and stored within the deployment; they are in no output.

param appName string
param gatewayName string
param topicName string
@description('More issuers than the named value `token-issuer`: the value of JWT_ISSUERS.')
param issuers array = []

// The gateway takes any of the audiences from any of the issuers; the service holds each issuer to its own keys, audience and tenants.
var documents = join(map(issuers, each => '<openid-config url="${each.discovery_url}" />'), '')
var audiences = join(map(issuers, each => '<audience>${each.audience}</audience>'), '')
var names = join(map(issuers, each => '<issuer>${each.issuer}</issuer>'), '')
var oneIssuer = loadTextContent('policies/api.xml')
var twoDocuments = replace(oneIssuer, '<audiences>', '${documents}<audiences>')
var twoAudiences = replace(twoDocuments, '</audiences>', '${audiences}</audiences>')
var apiPolicy = replace(twoAudiences, '</issuers>', '${names}</issuers>')

// Operations that answer with a stream. An import spells `runs_create` as `runs-create`.
var streams = ['files-content', 'runs-create', 'runs-create-alias', 'runs-events', 'runs-submit']

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource service 'Microsoft.ApiManagement/service@2024-05-01' existing = {
  name: gatewayName
}

resource logger 'Microsoft.ApiManagement/service/loggers@2024-05-01' existing = {
  parent: service
  name: 'insights'
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource key 'Microsoft.ApiManagement/service/namedValues@2024-05-01' = {
  parent: service
  name: 'function-key'
  properties: {
    displayName: 'function-key'
    secret: true
    value: listKeys('${app.id}/host/default', '2024-11-01').functionKeys.default
  }
}

// The API is what `handler openapi` says.
resource api 'Microsoft.ApiManagement/service/apis@2024-05-01' = {
  parent: service
  name: 'pooled-agents'
  properties: {
    displayName: 'Pooled agents'
    path: ''
    protocols: ['https']
    // Paths of the document begin with /api, as the app's do.
    serviceUrl: 'https://${app.properties.defaultHostName}'
    format: 'openapi+json'
    value: string(loadJsonContent('openapi.json'))
    translateRequiredQueryParameters: 'query'
    // Callers show a token. There are no subscription keys to lose.
    subscriptionRequired: false
  }
}

resource policy 'Microsoft.ApiManagement/service/apis/policies@2024-05-01' = {
  parent: api
  name: 'policy'
  properties: { format: 'rawxml', value: apiPolicy }
  dependsOn: [
    key
  ]
}

resource streamPolicies 'Microsoft.ApiManagement/service/apis/operations/policies@2024-05-01' = [for operation in streams: {
  name: '${service.name}/${api.name}/${operation}/policy'
  properties: { format: 'rawxml', value: loadTextContent('policies/stream.xml') }
  dependsOn: [
    policy
  ]
}]

// Times and statuses; no body, no header, no address.
resource tracing 'Microsoft.ApiManagement/service/apis/diagnostics@2024-05-01' = {
  parent: api
  name: 'applicationinsights'
  properties: {
    loggerId: logger.id
    alwaysLog: 'allErrors'
    httpCorrelationProtocol: 'W3C'
    logClientIp: false
    verbosity: 'error'
    operationNameFormat: 'Name'
    sampling: { samplingType: 'fixed', percentage: 100 }
    frontend: { request: { headers: [], body: { bytes: 0 } }, response: { headers: [], body: { bytes: 0 } } }
    backend: { request: { headers: [], body: { bytes: 0 } }, response: { headers: [], body: { bytes: 0 } } }
  }
}

// To the blob trigger `ingest_blob`.
resource dropFolders 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'drop-folders'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      subjectBeginsWith: '/blobServices/default/containers/uploads/'
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
    }
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${app.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.ingest_blob&code=${listKeys('${app.id}/host/default', '2024-11-01').systemKeys.blobs_extension}'
        minimumTlsVersionAllowed: '1.2'
      }
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
}
