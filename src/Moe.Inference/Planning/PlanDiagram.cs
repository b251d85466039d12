using System.Globalization;
using System.Text;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Draws a plan as text for Mermaid (mermaid.js.org): devices as frames, runs of steps as boxes, transfers as arrows.</summary>
public static class PlanDiagram
{
    /// <summary>The diagram. Neighbouring layers that look alike are drawn once; their transfers are added up.</summary>
    /// <param name="plan">The plan.</param>
    public static string Mermaid(ExecutionPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        RunSize limits = plan.Request.Limits;
        // One sequence, of whose tokens the last one's logits are wanted.
        RunSize batch = limits with { Outputs = 1, Pages = limits.Pages / limits.Tokens };
        RunSize token = batch with { Tokens = 1 };
        PlanRuns runs = new(plan);
        StringBuilder text = new("flowchart TB\n");
        foreach (IGrouping<Device, PlanRuns.Box> group in runs.Boxes.GroupBy(box => box.Device))
        {
            text.Append(CultureInfo.InvariantCulture, $"  subgraph {group.Key}\n");
            foreach (PlanRuns.Box box in group)
                text.Append(CultureInfo.InvariantCulture, $"    b{box.Id}[\"{Describe(box)}\"]\n");
            text.Append("  end\n");
        }

        foreach (((int from, int to), List<GraphValue> values) in runs.Arrows)
        {
            string bytes = $"{ByteCount.Text(values.Sum(value => value.Shape.ByteLength(token)))} a token, {ByteCount.Text(values.Sum(value => value.Shape.ByteLength(batch)))} a batch";
            text.Append(CultureInfo.InvariantCulture, $"  b{from} -->|\"{values.Count} {(values.Count == 1 ? "transfer" : "transfers")}, {bytes}\"| b{to}\n");
        }

        return text.ToString();
    }

    private static string Describe(PlanRuns.Box box) => box.Steps switch
    {
        0 => box.Title,
        1 => $"{box.Title}: 1 step",
        _ => $"{box.Title}: {box.Steps} steps",
    };
}
