using 'main.bicep'

// azd sets the first four. The rest: `azd env set NAME value`, once.
param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param principalId = readEnvironmentVariable('AZURE_PRINCIPAL_ID', '')
param principalType = readEnvironmentVariable('AZURE_PRINCIPAL_TYPE', 'User')
param tokenIssuer = readEnvironmentVariable('TOKEN_ISSUER')
param openIdConfigUrl = readEnvironmentVariable('OPENID_CONFIG_URL')
param apiAudience = readEnvironmentVariable('API_AUDIENCE')
param publisherEmail = readEnvironmentVariable('PUBLISHER_EMAIL')
param alertEmail = readEnvironmentVariable('ALERT_EMAIL', '')
param tenants = loadJsonContent('tenants.json')
