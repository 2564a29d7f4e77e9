// The identity that the app works with where a tenant has none of its own.

param name string
param location string
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
  properties: {}
}

output name string = identity.name
output principalId string = identity.properties.principalId
