// The whole deployment: one resource group, one pool of tenants. `azd up` runs it; main.bicepparam has its parameters.
//
// What it costs when idle, list prices of 2026 in a European region, a month: API Management Basic v2 about 150 USD,
// AI Search basic about 150 USD (one for passages, one of Foundry's own), all else below 10 USD (Flex Consumption, serverless Cosmos DB, Storage, Key Vault,
// Log Analytics and the session pool are paid by use). Models are paid by the token.

targetScope = 'subscription'

@description('Name of the environment; part of the resource group\'s name.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('Region of everything.')
param location string

@description('Object id of who deploys: may write secrets and the tenants\' directory. Empty: nobody.')
param principalId string = ''

@description('What principalId is.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param principalType string = 'User'

@description('The exact `iss` of the tokens that are believed.')
param tokenIssuer string

@description('The issuer\'s discovery document: a URL that ends in /.well-known/openid-configuration.')
param openIdConfigUrl string

@description('The `aud` that is this service\'s.')
param apiAudience string

@description('More issuers: the value of JWT_ISSUERS, as local.settings.json.example has it. hooks/postdeploy.sh gives them to the gateway.')
param moreIssuers array = []

@description('The claim that names the tenant.')
param tenantClaim string = 'extension_tenantId'

@description('Requests a minute that the gateway passes on for one tenant.')
@minValue(1)
param rateCalls int = 100

@description('Requests that one tenant may make in a burst: see policies/api.xml.')
@minValue(1)
param rateBurst int = 20

@description('Requests a minute from one address, of all tenants and of nobody: what guesses tokens ends here. See policies/api.xml.')
@minValue(1)
param addressCalls int = 1200

@description('Who runs the gateway: API Management writes to this address.')
param publisherEmail string

@description('Where alerts go. Empty: they show in the portal only.')
param alertEmail string = ''

@description('Outbound addresses of the gateway, in CIDR form. Empty: the region\'s Azure addresses, with the function key as the wall.')
param gatewayAddresses array = []

@description('The deployment that answers: name, version, sku, and capacity in thousands of tokens a minute.')
param chatModel object = { name: 'gpt-5-mini', version: '2025-08-07', sku: 'GlobalStandard', capacity: 50 }

@description('The deployment that embeds, and the length of its vectors.')
param embeddingModel object = { name: 'text-embedding-3-small', version: '1', sku: 'GlobalStandard', capacity: 50, dimensions: 1536 }

@description('AI Search: basic holds 15 indexes; standard 50.')
@allowed(['basic', 'standard'])
param searchSku string = 'basic'

@description('Copies of blobs: in three zones of the region, or, where a region has no zones, in one place (Standard_LRS).')
@allowed(['Standard_ZRS', 'Standard_LRS'])
param storageSku string = 'Standard_ZRS'

@description('The most instances that the app grows to.')
@minValue(1)
@maxValue(1000)
param maximumInstances int = 40

@description('Instances that are kept warm for HTTP. Each costs about as much as a small VM.')
@minValue(0)
param alwaysReady int = 0

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param retentionDays int = 30

@description('The tenants: see tenants.json.')
param tenants array = []

var tags = { tenantScope: 'shared', 'azd-env-name': environmentName }
var token = uniqueString(subscription().id, environmentName, location)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-fas-pooled-${environmentName}'
  location: location
  tags: tags
  properties: {}
}

module identity 'identity.bicep' = {
  name: 'identity'
  scope: group
  params: { name: 'id-pooled-${token}', location: location, tags: tags }
}

// All of them at the start, long before their roles: Cosmos DB looks a principal up at once, and Entra tells of a new one late.
module tenantIdentities 'identities.bicep' = [for tenant in tenants: {
  name: 'identities-${tenant.id}'
  scope: group
  params: {
    tenant: tenant.id
    location: location
    federatedIssuer: tenant.?federatedIssuer ?? ''
    federatedSubject: tenant.?federatedSubject ?? ''
  }
}]

module monitor 'monitor.bicep' = {
  name: 'monitor'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    retentionDays: retentionDays
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    name: 'stpooled${token}'
    sku: storageSku
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    workspaceId: monitor.outputs.workspaceId
  }
}

module cosmos 'cosmos.bicep' = {
  name: 'cosmos'
  scope: group
  params: {
    name: 'cosmos-pooled-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: principalId
    workspaceId: monitor.outputs.workspaceId
  }
}

module search 'search.bicep' = {
  name: 'search'
  scope: group
  params: {
    name: 'srch-pooled-${token}'
    location: location
    tags: tags
    sku: searchSku
    appPrincipalId: identity.outputs.principalId
    workspaceId: monitor.outputs.workspaceId
  }
}

module vault 'vault.bicep' = {
  name: 'vault'
  scope: group
  params: {
    name: 'kv-pooled-${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
    workspaceId: monitor.outputs.workspaceId
  }
}

module foundry 'foundry.bicep' = {
  name: 'foundry'
  scope: group
  params: {
    name: 'fas-pooled-${token}'
    storageName: 'stfas${token}'
    storageSku: storageSku
    location: location
    tags: tags
    chatModel: chatModel
    embeddingModel: embeddingModel
    cosmosName: 'cosmos-fas-${token}'
    searchName: 'srch-fas-${token}'
    appPrincipalId: identity.outputs.principalId
    workspaceId: monitor.outputs.workspaceId
  }
}

module sessions 'sessions.bicep' = {
  name: 'sessions'
  scope: group
  params: {
    name: 'sessions${token}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

// One after another: Cosmos DB refuses concurrent changes of an account's role assignments.
@batchSize(1)
module tenantWalls 'tenant.bicep' = [for (tenant, i) in tenants: {
  name: 'tenant-${tenant.id}'
  scope: group
  params: {
    tenant: tenant.id
    principalId: tenantIdentities[i].outputs.principalId
    workloadPrincipalId: tenantIdentities[i].outputs.workloadPrincipalId
    location: location
    storageName: storage.outputs.name
    cosmosName: cosmos.outputs.name
    cosmosDatabase: cosmos.outputs.database
    vaultName: vault.outputs.name
    foundryName: foundry.outputs.name
    projectName: foundry.outputs.projectName
    tenantRoleId: storage.outputs.tenantRoleId
    userRoleId: foundry.outputs.userRoleId
    vaultToken: token
    ownContainers: tenant.?ownContainers ?? false
    ownVault: tenant.?ownVault ?? false
  }
}]

module app 'app.bicep' = {
  name: 'app'
  scope: group
  params: {
    token: token
    location: location
    tags: tags
    identityName: identity.outputs.name
    tenantIds: map(tenants, tenant => tenant.id)
    storageName: storage.outputs.name
    maximumInstances: maximumInstances
    alwaysReady: alwaysReady
    gatewayAddresses: gatewayAddresses
    insightsName: monitor.outputs.insightsName
    workspaceId: monitor.outputs.workspaceId
    cosmosEndpoint: cosmos.outputs.endpoint
    cosmosDatabase: cosmos.outputs.database
    searchEndpoint: search.outputs.endpoint
    vaultName: vault.outputs.name
    foundryEndpoint: foundry.outputs.projectEndpoint
    modelEndpoint: foundry.outputs.modelEndpoint
    modelName: chatModel.name
    embeddingModel: embeddingModel.name
    embeddingDimensions: string(embeddingModel.dimensions)
    tokenIssuer: tokenIssuer
    moreIssuers: moreIssuers
    openIdConfigUrl: openIdConfigUrl
    apiAudience: apiAudience
    tenantClaim: tenantClaim
  }
  dependsOn: [
    tenantWalls
  ]
}

module gateway 'gateway.bicep' = {
  name: 'gateway'
  scope: group
  params: {
    name: 'apim-pooled-${token}'
    location: location
    tags: tags
    publisherEmail: publisherEmail
    insightsName: monitor.outputs.insightsName
    workspaceId: monitor.outputs.workspaceId
    tokenIssuer: tokenIssuer
    openIdConfigUrl: openIdConfigUrl
    apiAudience: apiAudience
    tenantClaim: tenantClaim
    rateCalls: rateCalls
    rateBurst: rateBurst
    addressCalls: addressCalls
  }
}

module events 'events.bicep' = {
  name: 'events'
  scope: group
  params: {
    name: 'evgt-pooled-${token}'
    location: location
    tags: tags
    storageName: storage.outputs.name
  }
}

module alerts 'alerts.bicep' = {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    insightsName: monitor.outputs.insightsName
    email: alertEmail
  }
}

// azd keeps these, and the hooks read them.
output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_API_NAME string = app.outputs.name
output GATEWAY_NAME string = gateway.outputs.name
output GATEWAY_URL string = gateway.outputs.url
output COSMOS_ENDPOINT string = cosmos.outputs.endpoint
output COSMOS_DATABASE string = cosmos.outputs.database
output VAULT_NAME string = vault.outputs.name
output SEARCH_NAME string = search.outputs.name
output EVENT_TOPIC_NAME string = events.outputs.name
// What tenant.bicep asks for, to be run by itself.
output STORAGE_NAME string = storage.outputs.name
output COSMOS_NAME string = cosmos.outputs.name
output FOUNDRY_NAME string = foundry.outputs.name
output PROJECT_NAME string = foundry.outputs.projectName
output TENANT_ROLE_ID string = storage.outputs.tenantRoleId
output USER_ROLE_ID string = foundry.outputs.userRoleId
output VAULT_TOKEN string = token
output SESSION_POOL_ENDPOINT string = sessions.outputs.endpoint
