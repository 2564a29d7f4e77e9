// Event Grid's word of tenants' blobs, into the queue `blob-events`, with the topic's own identity. The subscription of the
// drop folders calls the app: connect.bicep.

param name string
param location string
param tags object
param storageName string

var roles = loadJsonContent('roles.json')

resource account 'Microsoft.Storage/storageAccounts@2025-08-01' existing = {
  name: storageName
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource deadEvents 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-08-01' existing = {
  parent: blobs
  name: 'dead-events'
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-08-01' existing = {
  parent: account
  name: 'default'
}

resource queue 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-08-01' existing = {
  parent: queueService
  name: 'blob-events'
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: name
  location: location
  tags: tags
  identity: { type: 'SystemAssigned' }
  properties: { source: account.id, topicType: 'Microsoft.Storage.StorageAccounts' }
}

resource sender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(queue.id, topic.id, roles.StorageQueueDataMessageSender.id)
  scope: queue
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.StorageQueueDataMessageSender.id)
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

resource burier 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(deadEvents.id, topic.id, roles.StorageBlobDataContributor.id)
  scope: deadEvents
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.StorageBlobDataContributor.id)
    principalId: topic.identity.principalId
    principalType: 'ServicePrincipal'
  }
}

// Only what lies under `files/` of a container is the pool's; the host's own containers and the drop folders are not.
resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'tenant-files'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      subjectBeginsWith: '/blobServices/default/containers/'
      includedEventTypes: ['Microsoft.Storage.BlobCreated', 'Microsoft.Storage.BlobDeleted']
      advancedFilters: [
        { operatorType: 'StringContains', key: 'subject', values: ['/blobs/files/'] }
        { operatorType: 'StringNotBeginsWith', key: 'subject', values: ['/blobServices/default/containers/uploads/', '/blobServices/default/containers/deployments/'] }
      ]
    }
    deliveryWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      destination: {
        endpointType: 'StorageQueue'
        properties: { resourceId: account.id, queueName: queue.name, queueMessageTimeToLiveInSeconds: 604800 }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: account.id, blobContainerName: deadEvents.name }
      }
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
  }
  dependsOn: [
    sender
    burier
  ]
}

output name string = topic.name
