"""A million popular names that are no AI give no use of AI; look-alikes behave as their meaning demands."""

from itertools import islice, product

import polars as pl
import pytest

from sensor.catalog.load import load
from sensor.match.hostname import suffix_list
from sensor.match.index import Index
from sensor.match.match import match
from tests.sensor.match import background

#: Names people register under every suffix there is; none of them is a service's own.
REGISTERED = (
    "google", "example", "shop", "mail", "news", "bank", "openai-fan", "mychatgpt-review", "claude-monet",
    "gemini-horoscope", "copilot-pilots", "perplexity-blog", "notopenai", "huggingface-info", "x",
)  # fmt: skip
#: What chance makes of these words and what is AI indeed.
INDEED_AI = (
    ".sagemaker.aws", ".google.ai", ".x.ai", "deepmind.com", "deepbrain.io", "chatbot.com", "chat.baidu.com",
    "agentvoice.com", "webpilot.ai", "teamsmart.ai",
)  # fmt: skip
IN_FRONT = ("", "www.", "api.", "chat.", "cdn.", "mail.")


@pytest.fixture(scope="module")
def index() -> Index:
    return Index.build(load().indicators)


def used(index: Index, hosts: list[str]) -> list[tuple[str, str]]:
    """Those of `hosts` that count as use of AI, and of what."""
    hits = match(pl.DataFrame({"host": hosts}).unique(maintain_order=True), index)
    return hits.filter(pl.col("role") == "use").select("host", "app").rows()


def test_names_under_every_public_suffix_are_no_ai(index: Index) -> None:
    """About 900,000 names: the structure of the whole public suffix list, private domains included."""
    suffixes = [suffix.lstrip("*.!") for suffix in suffix_list().tlds]
    names = [f"{front}{name}.{suffix}" for suffix, name, front in product(suffixes, REGISTERED, IN_FRONT)]
    hosts = [name for name in names if not name.endswith(INDEED_AI)]
    assert len(hosts) > 800_000
    assert used(index, hosts) == []


def test_an_office_of_ordinary_names_is_no_ai(index: Index) -> None:
    """300,000 names of known sites with their side doors, and of small firms."""
    hosts = [name for name in islice(background.names(1), 300_000) if not name.endswith(INDEED_AI)]
    assert used(index, hosts) == []


@pytest.mark.parametrize("host", background.KNOWN)
def test_well_known_sites_are_not_counted_as_use(index: Index, host: str) -> None:
    fronts = ("", "www.", "cdn.", "mail.", "accounts.", "login.", "status.")
    assert used(index, [f"{front}{host}" for front in fronts]) == []


@pytest.mark.parametrize(
    ("host", "role"),
    [
        ("default.exp-tas.com", None),
        ("x.com", None),
        ("api.x.com", None),
        ("api.x.ai", "use"),
        ("grok.com", "use"),
        ("notion.so", "embedded"),
        ("www.notion.so", "embedded"),
        ("slack.com", "embedded"),
        ("app.slack.com", "embedded"),
        ("www.bing.com", None),
        ("copilot.microsoft.com", "use"),
        ("storage.googleapis.com", None),
        ("generativelanguage.googleapis.com", "use"),
        ("huggingface.co", "use"),
        ("huggingface.com.evil.example", None),
        ("chatgpt.com.login.example", None),
        ("openai.com.co", None),
        ("api-openai.com", None),
        ("xn--opnai-3va.com", None),
        ("s3.amazonaws.com", None),
        ("bedrock.example.amazonaws.com.attacker.net", None),
        ("auth0.com", None),
        ("o4504.ingest.sentry.io", None),
        ("github.com", None),
        ("api.github.com", None),
        ("api.githubcopilot.com", "use"),
        ("cognitiveservices.azure.com", None),
        ("huggingface.com", None),
        ("chatgpt-download.example", None),
        ("chatgpt.com-login.example", None),
        ("claude-ai.example", None),
        ("api.anthropic.com.proxy.example", None),
        ("deepseek.com.cn.example", None),
        ("myopenai.azure.com", None),
        ("openai.azure.com.example", None),
        ("twitter.com", None),
        ("duckduckgo.com", None),
        ("docs.google.com", None),
        ("translate.google.com", None),
        ("raw.githubusercontent.com", None),
        ("marketplace.visualstudio.com", None),
        ("update.code.visualstudio.com", None),
        ("settings-win.data.microsoft.com", None),
        ("www.figma.com", "embedded"),
        ("app.box.com", "embedded"),
        ("www.dropbox.com", "embedded"),
        ("app.hubspot.com", "embedded"),
        ("gitlab.com", "embedded"),
        ("app.asana.com", "embedded"),
        ("www.wolframalpha.com", "embedded"),
        ("api.groq.com", "use"),
        ("chat.groq.com", "use"),  # by the label alone
        ("status.groq.com", "support"),
        ("bedrock-runtime-fips.us-east-1.amazonaws.com", "use"),
        ("bedrock-runtime.us-east-1.api.aws", "use"),
        ("s3.us-east-1.api.aws", None),
        ("vpce-0a1b-c2d3.bedrock-runtime.eu-west-1.vpce.amazonaws.com", "use"),
        ("vpce-0a1b-c2d3.s3.eu-west-1.vpce.amazonaws.com", None),
        ("agent-runtime.generativeai.us-chicago-1.oci.oraclecloud.com", "use"),
        ("language.googleapis.com", "use"),
        ("papago.naver.com", "use"),
        ("tts.api.cloud.yandex.net", "use"),
        ("my-app.lovable.app", "embedded"),
        ("foo.replit.app", "embedded"),
    ],
)
def test_look_alikes_behave_as_their_meaning_demands(index: Index, host: str, role: str | None) -> None:
    found = match(pl.DataFrame({"host": [host]}), index)["role"].to_list()
    assert found == ([role] if role else []) or (role is None and found in (["embedded"], ["support"]))


#: Neighbours of AI hosts on the same cloud, bought side doors, and names that only sound like a service.
NEIGHBOURS = """
sqs.us-east-1.amazonaws.com vpce-1.sqs.us-east-1.vpce.amazonaws.com objectstorage.us-chicago-1.oraclecloud.com
identity.us-chicago-1.oci.oraclecloud.com storage.api.cloud.yandex.net iam.api.cloud.yandex.net vk.com
search.naver.com translate.googleapis.com maps.googleapis.com oauth2.googleapis.com fcm.googleapis.com
firebaseinstallations.googleapis.com clients6.google.com accounts.google.com graph.microsoft.com
login.microsoftonline.com outlook.office.com edge.microsoft.com api.bing.com contoso.blob.core.windows.net
contoso.azurewebsites.net my-app.vercel.app acme.github.io gateway.icloud.com bixby.samsung.com
hooks.slack.com files.slack.com static.canva.com nexus-websocket-a.intercom.io cdn.discordapp.com
hub.docker.com registry-1.docker.io ghcr.io conda.anaconda.org objects.githubusercontent.com
codeload.github.com browser-intake-datadoghq.com featuregates.org challenges.cloudflare.com cdn.auth0.com
js.stripe.com gemini.com mistral.com grok.org poe.trade pathofexile.com pi-hole.net gamma.com meta.com
you.com.au thecursor.com cursors-4u.com chatgpt.com.br openai.org deepseek.com.de claude-ai.com chatgpt.org
ec2.us-east-1.amazonaws.com lambda.us-east-1.amazonaws.com dynamodb.eu-west-1.amazonaws.com
abc.lambda-url.us-east-1.on.aws d1a2b3c4.cloudfront.net console.aws.amazon.com compute.googleapis.com
pubsub.googleapis.com bigquery.googleapis.com run.googleapis.com myapp-uc.a.run.app firestore.googleapis.com
youtube.googleapis.com people.googleapis.com safebrowsing.googleapis.com update.googleapis.com
drive.google.com oss-cn-hangzhou.aliyuncs.com ecs.aliyuncs.com bucket.cos.ap-guangzhou.myqcloud.com
cvm.tencentcloudapi.com ecs.cn-north-4.myhuaweicloud.com pan.baidu.com map.baidu.com tieba.baidu.com
www.douyin.com www.kuaishou.com my-site.pages.dev my-worker.workers.dev abcdefgh.supabase.co app.fly.dev
app.onrender.com app.netlify.app contoso.vault.azure.net contoso.database.windows.net
contoso.servicebus.windows.net management.azure.com contoso.sharepoint.com contoso.trafficmanager.net
dev.azure.com disk.yandex.ru mail.naver.com www.quora.com cdn.jsdelivr.net fonts.gstatic.com
files.pythonhosted.org registry.npmjs.org proxy.golang.org public.ecr.aws mcr.microsoft.com
repo.maven.apache.org posthog.com launchdarkly.com copilot.money usefathom.com bolt.com bolt.eu lu.ma veo.co
gamma.nl dia.es cloud.mongodb.com spark.apache.org step.com lensa.com leonardo.com leonardocompany.com
leonardo-hotels.com haiku-os.org bard.edu gemini.edu alpaca.markets falcon.io orca.security watson.ch
watson.de jaspersoft.com zhipin.com chatwork.com chatroulette.com openaire.eu opentable.com deepdyve.com
manus-meta.com coherehealth.com lambdatest.com harveynichols.com harveynorman.com.au otterbox.com
merlinentertainments.biz deviantart.com codecademy.com samba.tv quilljs.com chaijs.com arcgis.com zedge.net
exa.net.uk
""".split()  # noqa: SIM905 - as in the list of known sites


def test_neighbours_and_namesakes_are_no_hit_at_all(index: Index) -> None:
    assert match(pl.DataFrame({"host": NEIGHBOURS}), index)["host"].to_list() == []


#: What other tools miss or mislabel, each with the service people mean.
OFTEN_MISSED = [
    ("api.anthropic.com", "anthropic"), ("huggingface.co", "hugging-face"), ("grok.com", "xai"),
    ("api.x.ai", "xai"), ("api.mistral.ai", "mistral"), ("chat.mistral.ai", "mistral"),
    ("openrouter.ai", "openrouter"), ("api2.cursor.sh", "anysphere"), ("copilot.microsoft.com", "microsoft"),
    ("aistudio.google.com", "google"), ("us-central1-aiplatform.googleapis.com", "google"),
    ("contoso.openai.azure.com", "microsoft"), ("bedrock-runtime.eu-west-1.amazonaws.com", "aws"),
]  # fmt: skip


@pytest.mark.parametrize(("host", "vendor"), OFTEN_MISSED)
def test_hosts_missing_from_other_lists_are_in_the_catalog(index: Index, host: str, vendor: str) -> None:
    assert [(h, app.split("/")[0]) for h, app in used(index, [host])] == [(host, vendor)]
