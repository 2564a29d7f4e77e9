// Event Grid's word of the drop folders, to the blob trigger `ingest_blob`. It is sent to the app itself, which must be there
// and answer: hooks/postdeploy.sh deploys this after the app. The extension's key is read and used within the deployment.

param topicName string
param appName string

resource app 'Microsoft.Web/sites@2024-11-01' existing = {
  name: appName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
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
