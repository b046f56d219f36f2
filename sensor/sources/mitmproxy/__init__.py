"""mitmproxy: its dump files, and an addon that writes a log for the sensor.

source                  dump files (`mitmdump -w`)
shadowai_mitmproxy      the addon; it runs inside mitmproxy, needs nothing else of ours, and writes a spool of
                        JSON lines, which `logs/formats/mitmproxy` reads
"""

from sensor.sources.mitmproxy.source import MitmproxyFlowsSource

__all__ = ["MitmproxyFlowsSource"]
