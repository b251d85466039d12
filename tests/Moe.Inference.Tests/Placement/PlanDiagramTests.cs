using System.Text.RegularExpressions;
using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Placement;

public class PlanDiagramTests
{
    private static readonly ContextOptions Options = new() { ContextLength = 64, MicroBatch = 16, Threads = 1 };

    [Fact]
    public void A_plan_is_drawn()
    {
        ModelOutline model = ShapeInfo.Of(ModelShape.Presets["tiny"]);
        PlacementReport report = PlacementReport.For(model, DevicePlacement.On(Device.Cuda(0)).ExpertsOnCpu(), Options, SeedCommands.Gpus());
        // A token's hidden state is 1 KiB; ids and weights of its 2 experts are 8 bytes each. The last layer's experts see one row of a batch.
        PlanDiagram.Mermaid(report.Plan).Should().Be(
            """
            flowchart TB
              subgraph CPU
                b0["inputs"]
                b1["rope: 1 step"]
                b4["layer 0: 2 steps"]
                b7["layer 1: 2 steps"]
              end
              subgraph CUDA0
                b2["embedding: 1 step"]
                b3["layer 0: 15 steps"]
                b5["layer 0: 1 step"]
                b6["layer 1: 16 steps"]
                b8["layer 1: 1 step"]
                b9["output_norm to top_logits: 3 steps"]
              end
              b0 -->|"1 transfer, 4 B a token, 64 B a batch"| b2
              b1 -->|"1 transfer, 256 B a token, 4.000 KiB a batch"| b3
              b0 -->|"4 transfers, 16 B a token, 196 B a batch"| b3
              b3 -->|"3 transfers, 1.016 KiB a token, 16.25 KiB a batch"| b4
              b4 -->|"1 transfer, 1.000 KiB a token, 16.00 KiB a batch"| b5
              b0 -->|"1 transfer, 4 B a token, 4 B a batch"| b6
              b6 -->|"3 transfers, 1.016 KiB a token, 1.016 KiB a batch"| b7
              b7 -->|"1 transfer, 1.000 KiB a token, 1.000 KiB a batch"| b8

            """);
    }

    [Fact]
    public void All_steps_and_all_devices_are_in_the_drawing_and_arrows_join_boxes_that_exist()
    {
        foreach (DevicePlacement placement in (DevicePlacement[])[SeedCommands.Place(SeedCommands.First), DevicePlacement.On(Device.Cuda(1)).WithSplit(new ExpertSplit([5, 6], [(Device.Cpu, 1), (Device.Cuda(0), 1)]))])
        {
            PlacementReport report = PlacementReport.For(SeedCommands.Qwen235, placement, Options, SeedCommands.Gpus());
            string text = PlanDiagram.Mermaid(report.Plan);
            MatchCollection boxes = Regex.Matches(text, """^    (b\d+)\["[^"]+: (\d+) steps?"\]$""", RegexOptions.Multiline);
            boxes.Sum(box => int.Parse(box.Groups[2].Value)).Should().Be(report.Plan.Steps.Count(step => !step.IsTransfer));
            string[] names = [.. boxes.Select(box => box.Groups[1].Value), "b0"];
            names.Should().OnlyHaveUniqueItems().And.HaveCountLessThan(60, "layers that look alike are drawn once");
            MatchCollection arrows = Regex.Matches(text, """^  (b\d+) -->\|"\d+ transfers?, [^"]+"\| (b\d+)$""", RegexOptions.Multiline);
            arrows.Should().NotBeEmpty();
            arrows.SelectMany(arrow => new[] { arrow.Groups[1].Value, arrow.Groups[2].Value }).Should().BeSubsetOf(names);
            foreach (Device device in report.Plan.Steps.Select(step => step.Device).Distinct())
                text.Should().Contain($"  subgraph {device}\n");
        }
    }
}
