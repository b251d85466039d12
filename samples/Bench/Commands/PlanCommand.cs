using System.CommandLine;
using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Planning;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>plan</c>: what a placement would take on given devices; reads headers only, and needs none of the devices.</summary>
internal static class PlanCommand
{
    private const int NotSound = 1;

    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = $"A GGUF file, or any part of a split one; or a shape to plan without a file: {string.Join(", ", ModelShape.Presets.Keys.Order(StringComparer.Ordinal))}" };
        Option<int?> length = Arguments.OptionalCount("--context", "Tokens of context; the model's own length, at the most 4096, if not given", aliases: "-c");
        Option<bool> steps = new("--steps") { Description = "List every step of the plan" };
        Option<bool> mermaid = new("--mermaid") { Description = "Draw the plan as a Mermaid diagram, and nothing else" };
        Command command = new("plan", "What a placement takes: bytes of each device, transfers, and what is wrong with it; nothing is loaded") { file, length, steps, mermaid };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, _) =>
        {
            string name = parsed.GetRequiredValue(file);
            ModelOutline model = !File.Exists(name) && ModelShape.Presets.TryGetValue(name, out ModelShape? shape) ? ShapeInfo.Of(shape) : ModelOutline.Read(name);
            int? wanted = parsed.GetValue(length);
            ContextOptions options = context.Read(parsed, wanted ?? 1) with { ContextLength = wanted, KvCapacity = null };
            PlannedDevice[] devices = placement.Devices(parsed);
            PlacementReport report = PlacementReport.For(model, placement.Read(parsed, model, options, devices), options, devices, placement.Repacking(parsed));
            TextWriter output = parsed.InvocationConfiguration.Output;
            if (parsed.GetValue(mermaid))
            {
                await output.WriteAsync(PlanDiagram.Mermaid(report.Plan));
                return 0;
            }

            await output.WriteAsync(report.ToString());
            if (parsed.GetValue(steps))
                await output.WriteAsync($"\n{report.Plan}");
            return report.IsSound ? 0 : NotSound;
        });
        return command;
    }
}
