"""Recognises domains shared by many parties, which no indicator may claim as a whole."""

from __future__ import annotations

from sensor.match.hostname import suffix_list

#: Domains of clouds and platforms under which anybody rents a name, or a vendor serves everything.
CLOUD_APEXES = frozenset({
    "amazonaws.com", "amazonaws.com.cn", "api.aws", "awsapps.com", "cloudfront.net", "azure.com",
    "azure.us", "azure.cn", "windows.net", "azureedge.net", "azurefd.net", "microsoft.com", "office.com",
    "office365.com", "cloud.microsoft", "live.com", "bing.com", "google.com", "googleapis.com",
    "googleusercontent.com", "gstatic.com", "goog", "apple.com", "icloud.com", "cloudflare.com",
    "cloudflare.net", "cloudflarestorage.com", "workers.dev", "fastly.net", "akamaized.net", "edgekey.net",
    "akamai.net", "github.com", "githubusercontent.com", "github.io", "gitlab.com", "aliyun.com",
    "aliyuncs.com", "alibabacloud.com", "myqcloud.com", "tencent.com", "qq.com", "baidu.com", "baidubce.com",
    "volces.com", "yandex.net", "yandex.ru", "vercel.app", "vercel.com", "netlify.app", "herokuapp.com",
    "fly.dev", "render.com", "supabase.co", "livekit.cloud", "b-cdn.net", "imgix.net", "cloudinary.com",
    "backblazeb2.com", "digitaloceanspaces.com", "oraclecloud.com", "ibm.com", "cloud.ibm.com",
    "salesforce.com", "force.com", "snowflakecomputing.com", "databricks.com", "azuredatabricks.net",
    "notion.so", "notion.com", "slack.com", "zoom.us", "canva.com", "figma.com", "atlassian.net",
    "atlassian.com", "linkedin.com", "x.com", "facebook.com", "whatsapp.com", "docker.io", "docker.com",
})  # fmt: skip

#: Single hosts that people reach for other reasons too; a whole-host indicator on them must say `shared`.
SHARED_HOSTS = frozenset({
    "www.bing.com", "edgeservices.bing.com", "www.google.com", "docs.google.com", "mail.google.com",
    "meet.google.com", "storage.googleapis.com", "www.googleapis.com", "graph.microsoft.com",
    "augloop.office.com", "substrate.office.com", "m365.cloud.microsoft", "outlook.office.com",
    "teams.microsoft.com", "www.office.com", "api.github.com", "raw.githubusercontent.com",
    "release-assets.githubusercontent.com", "objects.githubusercontent.com", "api.cloudflare.com",
    "registry-1.docker.io", "www.kaggle.com", "www.notion.so", "www.notion.com", "api.notion.com",
    "app.slack.com", "www.canva.com", "www.figma.com", "www.linkedin.com", "default.exp-tas.com",
    "s3.amazonaws.com", "www.apple.com", "web.whatsapp.com",
})  # fmt: skip


#: Hosts of services that AI products buy or share with everything else: no claim may take them.
NEVER_HOSTS = frozenset({
    "default.exp-tas.com", "auth0.com", "login.auth0.com", "sentry.io", "o1.ingest.sentry.io",
    "api.stripe.com", "js.stripe.com", "checkout.stripe.com", "api.statsig.com", "featuregates.org",
    "statsigapi.net",
    "widget.intercom.io", "api-iam.intercom.io", "app.launchdarkly.com", "events.launchdarkly.com",
    "cognito-identity.us-east-1.amazonaws.com", "algolia.net", "api.segment.io", "cdn.segment.com",
    "api.mixpanel.com", "api2.amplitude.com", "browser-intake-datadoghq.com", "www.googletagmanager.com",
    "fonts.googleapis.com", "accounts.google.com", "oauth2.googleapis.com", "login.microsoftonline.com",
    "login.live.com", "appleid.apple.com", "challenges.cloudflare.com", "static.cloudflareinsights.com",
    "ocsp.digicert.com", "r3.o.lencr.org", "cdn.jsdelivr.net", "unpkg.com", "registry.npmjs.org", "pypi.org",
    "files.pythonhosted.org", "github.com", "codeload.github.com", "sts.amazonaws.com", "s3.amazonaws.com",
    "s3.eu-central-1.amazonaws.com", "hub.docker.com", "auth.docker.io", "marketplace.visualstudio.com",
    "update.code.visualstudio.com", "vscode.dev", "en.wikipedia.org", "www.youtube.com", "example.com",
})  # fmt: skip


def is_public_suffix(name: str) -> bool:
    """True if `name` is a suffix under which names are registered (com, co.uk, github.io)."""
    return not suffix_list()(name).domain


def is_shared(name: str) -> bool:
    """True if `name` belongs to a platform, or is a host known to serve many things."""
    return name in CLOUD_APEXES or name in SHARED_HOSTS
