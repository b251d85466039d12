using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Placement;

public class DevicePlacementTests
{
    [Theory]
    [InlineData("token_embd.weight", "CPU")]
    [InlineData("output.weight", "CPU")]
    [InlineData("blk.0.attn_q.weight", "CUDA2")]
    [InlineData("blk.0.attn_norm.weight", "CUDA2")]
    [InlineData("blk.0.ffn_gate_exps.weight", "CUDA0")]
    [InlineData("blk.1.ffn_norm.weight", "CUDA0")]
    [InlineData("blk.17.ffn_down_exps.weight", "CUDA0")]
    [InlineData("blk.18.ffn_down_exps.weight", "CUDA1")]
    [InlineData("blk.51.ffn_gate_inp.weight", "CUDA2")]
    [InlineData("blk.52.ffn_gate_inp.weight", "CPU")]
    [InlineData("blk.93.attn_output.weight", "CUDA2")]
    public void The_first_seed_command_works_as_written(string tensor, string device) =>
        SeedCommands.Place(SeedCommands.First).DeviceOf(tensor).Should().Be(Device.Parse(device));

    [Theory]
    [InlineData("blk.20.ffn_up_exps.weight", "CUDA0")]
    [InlineData("blk.21.ffn_up_exps.weight", "CUDA1")]
    [InlineData("blk.57.ffn_up_exps.weight", "CUDA2")]
    [InlineData("blk.58.ffn_up_exps.weight", "CPU")]
    [InlineData("blk.58.attn_k_norm.weight", "CUDA2")]
    public void The_second_seed_command_works_as_written(string tensor, string device) =>
        SeedCommands.Place(SeedCommands.Second).DeviceOf(tensor).Should().Be(Device.Parse(device));

    // DeepSeek-V3: 61 layers, so -ngl 64 is everything; 62 places over two GPUs.
    [Theory]
    [InlineData("blk.0.ffn_up_exps.weight", "CUDA2")]
    [InlineData("blk.7.ffn_down_exps.weight", "CUDA2")]
    [InlineData("blk.8.ffn_down_exps.weight", "CPU")]
    [InlineData("blk.60.ffn_gate_exps.weight", "CPU")]
    [InlineData("blk.60.ffn_gate_shexp.weight", "CUDA1")]
    [InlineData("blk.0.attn_norm.weight", "CUDA0")]
    [InlineData("blk.30.attn_norm.weight", "CUDA0")]
    [InlineData("blk.31.attn_norm.weight", "CUDA1")]
    [InlineData("output.weight", "CUDA1")]
    [InlineData("output_norm.weight", "CUDA1")]
    [InlineData("token_embd.weight", "CPU")]
    public void The_third_seed_command_works_as_written(string tensor, string device) =>
        DevicePlacement.LayersByShare(61, 64, [(Device.Cuda(0), 1), (Device.Cuda(1), 1), (Device.Cuda(2), 0)]).WithOverride(SeedCommands.Third)
            .DeviceOf(tensor).Should().Be(Device.Parse(device));

    // By llama.cpp's formula: of the last -ngl of n + 1 places, place i of m is on the first GPU whose cumulative share is above i / m.
    [Theory]
    [InlineData(4, 0, "1", "CPU CPU CPU CPU CPU")]
    [InlineData(4, 1, "1", "CPU CPU CPU CPU CUDA0")]
    [InlineData(4, 2, "1", "CPU CPU CPU CUDA0 CUDA0")]
    [InlineData(4, 4, "1", "CPU CUDA0 CUDA0 CUDA0 CUDA0")]
    [InlineData(4, 5, "1", "CUDA0 CUDA0 CUDA0 CUDA0 CUDA0")]
    [InlineData(4, 99, "1", "CUDA0 CUDA0 CUDA0 CUDA0 CUDA0")]
    [InlineData(4, 5, "1,1", "CUDA0 CUDA0 CUDA0 CUDA1 CUDA1")]
    [InlineData(5, 6, "1,1", "CUDA0 CUDA0 CUDA0 CUDA1 CUDA1 CUDA1")]
    [InlineData(5, 6, "3,1", "CUDA0 CUDA0 CUDA0 CUDA0 CUDA0 CUDA1")]
    [InlineData(5, 4, "3,1", "CPU CPU CUDA0 CUDA0 CUDA0 CUDA1")]
    [InlineData(5, 6, "0,1,1", "CUDA1 CUDA1 CUDA1 CUDA2 CUDA2 CUDA2")]
    [InlineData(5, 6, "1,0,1", "CUDA0 CUDA0 CUDA0 CUDA2 CUDA2 CUDA2")]
    [InlineData(1, 1, "1,1", "CPU CUDA0")]
    public void Layers_go_where_llama_cpp_puts_them(int layers, int gpuLayers, string shares, string expected)
    {
        DevicePlacement placement = DevicePlacement.LayersByShare(layers, gpuLayers, shares.Split(',').Select((share, i) => (Device.Cuda(i), double.Parse(share))));
        string[] names = [.. Enumerable.Range(0, layers).Select(layer => $"blk.{layer}.ffn_norm.weight"), "output.weight"];
        string.Join(' ', names.Select(placement.DeviceOf)).Should().Be(expected);
        placement.DeviceOf("token_embd.weight").Should().Be(Device.Cpu);
    }

    [Fact]
    public void Overrides_win_over_whole_layers_whatever_the_order_of_the_calls()
    {
        DevicePlacement placement = DevicePlacement.LayersByShare(4, 5, [(Device.Cuda(0), 1)]).ExpertsOnCpu(2).Put("blk.1.*", Device.Cuda(1));
        placement.DeviceOf("blk.1.ffn_up_exps.weight").Should().Be(Device.Cpu);
        placement.DeviceOf("blk.1.attn_q.weight").Should().Be(Device.Cuda(1));
        placement.DeviceOf("blk.2.ffn_up_exps.weight").Should().Be(Device.Cuda(0));
        placement.Rules.Should().HaveCount(4);
    }

    [Theory]
    [InlineData("blk.0.ffn_up_exps.weight", true)]
    [InlineData("blk.0.ffn_gate_exps.weight", true)]
    [InlineData("blk.0.ffn_down_exps.weight", true)]
    [InlineData("blk.0.ffn_gate_up_exps.weight", true)]
    [InlineData("blk.0.ffn_up_chexps.weight", true)]
    [InlineData("blk.0.ffn_up_shexp.weight", false)]
    [InlineData("blk.0.ffn_gate_inp.weight", false)]
    [InlineData("blk.0.ffn_up.weight", false)]
    [InlineData("blk.10.ffn_up_exps.weight", true)]
    public void Experts_on_the_host_are_those_of_cpu_moe(string tensor, bool onHost)
    {
        DevicePlacement.On(Device.Cuda(0)).ExpertsOnCpu().DeviceOf(tensor).IsCpu.Should().Be(onHost);
        bool first = onHost && !tensor.StartsWith("blk.10.", StringComparison.Ordinal);
        DevicePlacement.On(Device.Cuda(0)).ExpertsOnCpu(1).DeviceOf(tensor).IsCpu.Should().Be(first);
        DevicePlacement.On(Device.Cuda(0)).ExpertsOnCpu(0).DeviceOf(tensor).IsCpu.Should().BeFalse();
    }

    [Theory]
    [InlineData("exps=CUDA_Host", "CPU")]
    [InlineData("exps=CPU_REPACK", "CPU")]
    [InlineData("exps=cuda1", "CUDA1")]
    [InlineData("exps=SIM3", "SIM3")]
    [InlineData(@"(?=exps)e=SIM0", "SIM0")]
    public void Overrides_name_devices_and_kinds_of_host_memory(string text, string device) =>
        DevicePlacement.Cpu.WithOverride(text).DeviceOf("blk.0.ffn_up_exps.weight").Should().Be(Device.Parse(device));

    [Theory]
    [InlineData("", "")]
    [InlineData("exps", "exps")]
    [InlineData("exps=", "exps=")]
    [InlineData("=CPU", "=CPU")]
    [InlineData("a=CPU,,b=CPU", "")]
    [InlineData("a=CPU,b=C-3", "b=C-3")]
    [InlineData("a=CPU,(b=CUDA0", "(b=CUDA0")]
    [InlineData("a=12", "a=12")]
    [InlineData("a=CUDA99999999999", "a=CUDA99999999999")]
    public void A_piece_that_is_no_override_is_named(string text, string piece) =>
        FluentActions.Invoking(() => DevicePlacement.Cpu.WithOverride(text)).Should().Throw<FormatException>().WithMessage($"'{piece}' is no override*");

    [Fact]
    public void Absurd_numbers_and_shares_are_refused()
    {
        (Device, double)[] one = [(Device.Cuda(0), 1)];
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(0, 1, one)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(int.MaxValue, 1, one)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(4, -1, one)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(4, 1, [])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(4, 1, [(Device.Cuda(0), 0)])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(4, 1, [(Device.Cuda(0), -1)])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(4, 1, [(Device.Cuda(0), double.NaN)])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => DevicePlacement.LayersByShare(4, 1, [(Device.Cuda(0), 1), (Device.Cuda(0), 1)])).Should().Throw<ArgumentException>();
        FluentActions.Invoking(() => DevicePlacement.Cpu.ExpertsOnCpu(-1)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => DevicePlacement.Cpu.ExpertsOnCpu(int.MaxValue)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Theory]
    [InlineData("CPU", "CPU", null)]
    [InlineData("SIM0:24GiB", "SIM0", 24L << 30)]
    [InlineData("CUDA1:80GB", "CUDA1", 80_000_000_000L)]
    [InlineData("CUDA1:1.5g", "CUDA1", 3L << 29)]
    [InlineData("CUDA1:12345", "CUDA1", 12345L)]
    [InlineData("cuda2: 3 MiB", null, null)]
    [InlineData("CUDA1:", null, null)]
    [InlineData("CUDA1:-1", null, null)]
    [InlineData("CUDA1:24XiB", null, null)]
    [InlineData("CUDA1:99999999TiB", null, null)]
    [InlineData("CUDA1:99999999999999999999999999999999999999", null, null)]
    [InlineData("CUDA1:0.3", null, null)]
    [InlineData(":3", null, null)]
    public void Devices_to_plan_for_are_read_with_their_memory(string text, string? device, long? bytes)
    {
        if (device is null)
        {
            FluentActions.Invoking(() => PlannedDevice.Parse(text)).Should().Throw<FormatException>();
            return;
        }

        PlannedDevice parsed = PlannedDevice.Parse(text);
        (parsed.Device, parsed.MemoryBytes).Should().Be((Device.Parse(device), bytes));
    }

    [Fact]
    public void A_planned_device_cannot_run() =>
        new PlannedDevice(Device.Cuda(0)).Invoking(device => device.Open()).Should().Throw<NotSupportedException>();
}
