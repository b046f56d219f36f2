"""Names as an office asks for them that are no AI: well-known sites, their side doors, small firms."""

from __future__ import annotations

import random
from collections.abc import Iterator

#: Sites people know, by what they do. Facts of general knowledge; each has `_LABELS` in front now and then.
KNOWN = """
google.com youtube.com facebook.com instagram.com wikipedia.org amazon.com amazon.de ebay.com ebay.de
reddit.com linkedin.com twitter.com x.com netflix.com spotify.com twitch.tv tiktok.com pinterest.com
whatsapp.com telegram.org signal.org discord.com zoom.us webex.com skype.com office.com office365.com
outlook.com live.com microsoft.com windows.com windowsupdate.com msftconnecttest.com azure.com
visualstudio.com apple.com icloud.com mzstatic.com adobe.com dropbox.com box.com salesforce.com force.com
hubspot.com zendesk.com atlassian.com atlassian.net bitbucket.org gitlab.com github.com
githubusercontent.com github.io stackoverflow.com stackexchange.com npmjs.org npmjs.com pypi.org
pythonhosted.org python.org readthedocs.io rust-lang.org docs.rs crates.io golang.org go.dev debian.org
ubuntu.com archlinux.org fedoraproject.org kernel.org gnu.org apache.org mozilla.org mozilla.net firefox.com
w3.org ietf.org iana.org icann.org letsencrypt.org lencr.org digicert.com sectigo.com globalsign.com
cloudflare.com cloudfront.net fastly.net akamai.net akamaized.net edgekey.net jsdelivr.net unpkg.com
bootstrapcdn.com jquery.com googleapis.com gstatic.com googleusercontent.com doubleclick.net
googlesyndication.com googletagmanager.com google-analytics.com facebook.net fbcdn.net twimg.com ytimg.com
ggpht.com criteo.com taboola.com outbrain.com adnxs.com rubiconproject.com pubmatic.com hotjar.com
segment.io segment.com mixpanel.com amplitude.com sentry.io datadoghq.com newrelic.com nr-data.net
bugsnag.com launchdarkly.com statsig.com intercom.io optimizely.com stripe.com paypal.com klarna.com
adyen.com visa.com mastercard.com wise.com revolut.com deutsche-bank.de commerzbank.de sparkasse.de ing.de
dkb.de bahn.de dhl.de dpd.com ups.com fedex.com hermesworld.com lufthansa.com booking.com airbnb.com
expedia.com tripadvisor.com uber.com bolt.eu openstreetmap.org here.com tomtom.com weather.com wetter.com
bbc.co.uk bbc.com cnn.com nytimes.com theguardian.com reuters.com bloomberg.com ft.com economist.com
spiegel.de zeit.de faz.net sueddeutsche.de heise.de golem.de tagesschau.de ard.de zdf.de lemonde.fr
lefigaro.fr elpais.com corriere.it repubblica.it nos.nl svt.se yle.fi nrk.no dr.dk orf.at srf.ch europa.eu
bund.de gov.uk usa.gov nasa.gov nih.gov who.int un.org worldbank.org imf.org arxiv.org nature.com
sciencedirect.com springer.com wiley.com jstor.org researchgate.net academia.edu mit.edu stanford.edu
ox.ac.uk ethz.ch tum.de slack.com notion.so figma.com canva.com miro.com trello.com asana.com monday.com
clickup.com airtable.com evernote.com todoist.com docusign.com docusign.net surveymonkey.com typeform.com
mailchimp.com sendgrid.net mailgun.org twilio.com okta.com auth0.com onelogin.com duosecurity.com
lastpass.com 1password.com bitwarden.com kaspersky.com symantec.com mcafee.com sophos.com crowdstrike.com
sentinelone.net eset.com avast.com f-secure.com paloaltonetworks.com fortinet.com cisco.com juniper.net
hp.com dell.com lenovo.com ibm.com oracle.com sap.com sap-ag.de workday.com servicenow.com service-now.com
vmware.com redhat.com docker.com docker.io quay.io kubernetes.io hashicorp.com terraform.io jenkins.io
jetbrains.com eclipse.org gradle.org maven.org sonatype.org nuget.org packagist.org rubygems.org cpan.org
r-project.org mathworks.com wolfram.com autodesk.com siemens.com bosch.com bmw.de mercedes-benz.com
volkswagen.de audi.de basf.com bayer.com allianz.de tk.de aok.de ikea.com zalando.de otto.de mediamarkt.de
saturn.de aldi.de lidl.de rewe.de edeka.de walmart.com target.com bestbuy.com homedepot.com costco.com
alibaba.com taobao.com jd.com baidu.com qq.com weibo.com bilibili.com yahoo.com yahoo.co.jp rakuten.co.jp
naver.com kakao.com vk.com mail.ru yandex.ru seznam.cz allegro.pl onet.pl duckduckgo.com bing.com ecosia.org
startpage.com archive.org imdb.com goodreads.com medium.com substack.com wordpress.com wordpress.org wp.com
squarespace.com wix.com shopify.com godaddy.com namecheap.com ionos.de strato.de hetzner.com ovh.net
digitalocean.com linode.com vultr.com heroku.com netlify.app vercel.app render.com fly.dev steampowered.com
steamcontent.com epicgames.com playstation.com xbox.com nintendo.com roblox.com ea.com tesla.com
logitech.com samsung.com huawei.com xiaomi.com sony.com lg.com philips.com garmin.com fitbit.com strava.com
peloton.com vimeo.com dailymotion.com soundcloud.com deezer.com tidal.com plex.tv hawaii.edu mumbai.in
dubai.ae chai.org thai.com kawai.de sinai.org bonsai.de hyundai.com thankyou.com email.de maildrop.cc
sail.org fair.org repair.de rail.co.uk retail.com detail.de
""".split()  # noqa: SIM905 - a list would be four hundred lines

_LABELS = (
    "www", "www", "www", "api", "cdn", "static", "img", "mail", "login", "auth", "assets", "app", "m",
    "docs", "help", "support", "blog", "shop", "status", "events", "telemetry", "update", "download",
    "chat", "search", "media", "s3", "git", "ns1", "autodiscover", "edge", "data", "images",
    "analytics", "accounts", "id", "sso", "vpn",
)  # fmt: skip
_WORDS = (
    "north", "blue", "river", "stone", "green", "media", "print", "solar", "metal", "cloud", "data",
    "soft", "web", "shop", "auto", "haus", "bau", "medi", "pharma", "logistik", "travel", "hotel",
    "garden", "sport", "music", "photo", "school", "legal", "tax", "bank", "invest", "energy", "water",
    "food", "wine", "coffee", "book", "smart", "digital", "tech", "labs", "works", "group", "partner",
    "studio", "design", "craft", "team", "line", "mind", "model", "agent", "chat", "voice", "vision",
    "code", "deep", "bot", "pilot", "brain",
)  # fmt: skip
_ZONES = (
    "com", "com", "com", "com", "com", "com", "com", "com", "de", "de", "de", "net", "org", "eu", "io",
    "co.uk", "fr", "nl", "ch", "at", "app", "dev",
)  # fmt: skip
#: Small firms that have nothing to do with AI but lie in its favourite zone.
_AI_ZONE_SHARE = 0.01


def names(seed: int) -> Iterator[str]:
    """Endless names: a third known sites, the rest small firms; one firm in a hundred lies in the zone
    ai, and words that also AI services like (agent, model, chat, voice) are among their names."""
    rng = random.Random(seed)
    while True:
        if rng.random() < 0.33:
            domain = rng.choice(KNOWN)
        else:
            join = rng.choice(["", "", "-"])
            domain = f"{join.join(rng.sample(_WORDS, 2))}{rng.choice(['', '', str(rng.randrange(100))])}"
            domain += ".ai" if rng.random() < _AI_ZONE_SHARE else f".{rng.choice(_ZONES)}"
        yield domain if rng.random() < 0.3 else f"{rng.choice(_LABELS)}.{domain}"
