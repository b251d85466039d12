using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Everything that a plan depends on: two equal requests give the same plan, and nothing else may influence it.</summary>
/// <param name="Graph">What to compute.</param>
/// <param name="Limits">The largest run.</param>
/// <param name="Registry">Kernels and switches.</param>
/// <param name="Placement">Where weights live.</param>
/// <param name="Options">What kernels are told.</param>
/// <param name="GuardBytes">Bytes left free between pieces of memory, a multiple of 64; 0 but in validation mode.</param>
/// <param name="Offload">The device that is sent the weights of chosen experts that live on the host; null for none.</param>
/// <param name="Peers">Between which devices values are copied directly; null for none, so that they go by way of the host.</param>
public sealed record PlanRequest(ModelGraph Graph, RunSize Limits, OpRegistry Registry, DevicePlacement Placement, KernelOptions Options, int GuardBytes = 0, Device? Offload = null, PeerLinks? Peers = null);
