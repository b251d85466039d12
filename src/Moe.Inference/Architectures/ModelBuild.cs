using Moe.Inference.Graph;

namespace Moe.Inference.Architectures;

/// <summary>What a model family builds its graph from.</summary>
/// <param name="Shape">The model's numbers.</param>
/// <param name="Weights">Its tensors.</param>
/// <param name="Graph">Where nodes go.</param>
internal sealed record ModelBuild(Hyperparameters Shape, WeightDirectory Weights, GraphBuilder Graph);
