/**
 * Weir: a WebSocket server made of Web Streams, for Deno, Bun and Node.
 *
 * @example
 * ```ts
 * import { serve } from "@weir/ws";
 *
 * serve({ port: 0 }, async (socket) => {
 *   for await (const message of socket.readable) {
 *     await socket.send(message); // waits while the client is slow
 *   }
 * });
 * ```
 *
 * @module
 */
export { accept, type AcceptOptions } from "./src/accept.ts";
export type {
  Backplane,
  BackplaneReceiver,
} from "./src/backplane/backplane.ts";
export { BackplaneError } from "./src/backplane/error.ts";
export type { BackplaneState } from "./src/backplane/health.ts";
export { WebSocketStream } from "./src/client.ts";
export type { WebSocketStreamOptions } from "./src/client_options.ts";
export { type CloseBody, CloseCode } from "./src/close.ts";
export {
  FrameDecoder,
  type FrameDecoderOptions,
  FrameDecoderStream,
} from "./src/codec/frame_decoder.ts";
export {
  FrameEncoder,
  type FrameEncoderOptions,
  FrameEncoderStream,
} from "./src/codec/frame_encoder.ts";
export type {
  CloseMessage,
  ControlMessage,
  Message,
  MessageFragment,
  PingPongMessage,
} from "./src/codec/message.ts";
export {
  type DecodedMessage,
  MessageDecoder,
  type MessageDecoderOptions,
  MessageDecoderStream,
} from "./src/codec/message_decoder.ts";
export {
  type EncodableMessage,
  MessageEncoder,
  MessageEncoderStream,
  type MessageSource,
} from "./src/codec/message_encoder.ts";
export { fuse, type Stage, type StageController } from "./src/codec/stage.ts";
export {
  type CloseOptions,
  type Publishable,
  type PublishOptions,
  WebSocketConnection,
} from "./src/connection/connection.ts";
export type {
  ConnectionHandler,
  ConnectionHooks,
  Handler,
} from "./src/connection/handler.ts";
export { IncomingMessage } from "./src/connection/incoming_message.ts";
export type {
  ConnectionOptions,
  KeepAliveOptions,
  MessageBuffers,
} from "./src/connection/options.ts";
export type { Sendable, SendOptions } from "./src/connection/sendable.ts";
export type { CloseInfo, CloseResult } from "./src/connection/closing.ts";
export type { StreamChunk } from "./src/connection/stream_message.ts";
export type {
  NetworkAddress,
  UnixAddress,
} from "./src/connection/transport.ts";
export type { CompressibleFrame } from "./src/deflate/deflate_stage.ts";
export {
  DeflateStream,
  type DeflateStreamOptions,
  InflateStream,
} from "./src/deflate/deflate_streams.ts";
export type {
  DeflateBackendOption,
  DeflateOptions,
} from "./src/deflate/options.ts";
export {
  ProtocolError,
  type WebSocketCloseInfo,
  WebSocketError,
} from "./src/error.ts";
export type { FetchHandler } from "./src/fetch.ts";
export {
  type Frame,
  Opcode,
  type OutgoingFrame,
  type Role,
} from "./src/frame.ts";
export type { OriginPolicy } from "./src/handshake/origin.ts";
export type { HandshakeRequest } from "./src/handshake/request.ts";
export type { ListenOptions } from "./src/listen_options.ts";
export type { ServerAddress } from "./src/listener.ts";
export type {
  HistogramBucket,
  HistogramMetrics,
} from "./src/metrics/histogram.ts";
export type {
  CompressionMetrics,
  ConnectionsMetrics,
  HandshakesMetrics,
  KeepAliveMetrics,
  ServerMetrics,
  TrafficMetrics,
} from "./src/metrics/metrics.ts";
export type { TopicsTotals } from "./src/topics/local_topics.ts";
export type {
  CloseDiagnostic,
  ConnectionDiagnostic,
  HandshakeDiagnostic,
} from "./src/transport/diagnostics.ts";
export {
  serve,
  type ServeOptions,
  type Server,
  type ShutdownOptions,
} from "./src/serve.ts";
export {
  Topics,
  type TopicsOptions,
  type TopicsPublishOptions,
} from "./src/topics/topics.ts";
export type { ByteDuplex } from "./src/transport/duplex.ts";
export type {
  UpgradeAnswer,
  UpgradeHook,
  UpgradeOptions,
} from "./src/upgrade/options.ts";
export {
  createUpgradeHandler,
  type UpgradeListener,
} from "./src/upgrade_handler.ts";
