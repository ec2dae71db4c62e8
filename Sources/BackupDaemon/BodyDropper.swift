import NIOCore
import NIOHTTPTypes

/// Takes no bodies: nothing here has a use for one. A client that sends one without end looks like one that does nothing,
/// and is closed as that.
final class BodyDropper: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .body = unwrapInboundIn(data) { return }
        context.fireChannelRead(data)
    }
}
