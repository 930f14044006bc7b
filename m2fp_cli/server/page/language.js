// English and Chinese: every word of the page itself, and the switch between them.

import { $, words } from "./make.js";
import { BROWSER, keep, recall } from "./memory.js";
import { LABELS_CHINESE, THINGS_CHINESE } from "./names.js";
import { inChinese } from "./sentences.js";

const MOST_NAMES = 8;
/** Some names as a list; of many, the first ones. */
const namesIn = (names, comma) => names.slice(0, MOST_NAMES).join(comma) + (names.length > MOST_NAMES ? "…" : "");
const ENGLISH = {
  skip: "Skip to the photo", add: "Add photos", offline: "The service does not answer. Trying again…",
  drop: "Drop photos here",
  dropHint: "See people, their body parts and clothes. Try on hats, glasses, jewelry and other colors.",
  choose: "Choose photos",
  privacy: "Photos go to this service only, stay in its memory for ten minutes and are never written to disk.",
  photos: "Photos", photo: "Photo", compare: "Compare", opacity: "Opacity", colors: "Colors",
  compareLabel: "Where the photo ends and the overlay begins",
  pictureLabel: "Photo and overlay; arrow keys point at pixels",
  byLabel: "by part", byPerson: "by person", tryonMode: "try-on",
  parts: "Parts", tryon: "Try on", save: "Save", shown: "Shown", showAll: "Show all", people: "People",
  who: "Who", everyone: "Everyone", undress: "Take everything off", own: "Your own", none: "None", anyColor: "Color",
  fitting: "Trying it on…", fitted: "The photo shows what is tried on.",
  hat: "Hat", glasses: "Glasses", earrings: "Earrings", necklace: "Necklace", top: "Top",
  hair: "Hair", bottom: "Trousers or skirt", shoes: "Shoes",
  savePhoto: "This photo", saveAll: "All photos", allZip: "Everything as one zip", program: "For programs",
  copy: "Copy", copied: "Copied", apiDocs: "All of the API", forget: "Forget this photo",
  saveOverlay: "Overlay", saveColors: "Color map", saveLabels: "Label map", savePeople: "Person map",
  saveCutout: "Cut-out", saveJson: "Result", saveZip: "Everything", saveTryon: "Try-on", saveMasks: "all files",
  tokenTitle: "This service asks for a token",
  tokenHint: "Whoever runs it can give you one. It stays in this tab until you close it.",
  tokenWrong: "The service does not take this token.", tokenLabel: "Token", cancel: "Cancel", ok: "OK", close: "Close",
  keys: "Keyboard", keyWalk: "previous or next photo", keyOverlay: "overlay on or off",
  keyPeople: "colors by part or by person", keyAdd: "add photos", keyProbe: "on the picture: point at a pixel",
  point: "Point at the picture to see what is there.",
  waiting: "waiting", uploading: (percent) => `uploading ${percent} %`, working: "looking…", unreachable: "no connection",
  busyQueue: "queue is full, waiting", failed: "failed", again: "Try again", remove: "Remove",
  found: (count) => (count === 1 ? "1 person" : `${count} people`),
  notPicture: "This is not a picture.", gone: "The service does not keep this photo any more; add it again.",
  lost: (names) => `The service does not keep ${namesIn(names, ", ")} any more; add ${names.length === 1 ? "it" : "them"} again.`,
  tooLarge: "The file is too large for this service; send a smaller one.",
  unreadable: (name) => `${name} cannot be read; was it moved, changed or deleted? Add it again.`,
  isFolder: "This is a folder; drop the photos in it.",
  failedHere: "Something went wrong.", packing: (done, all) => `Packing ${done} of ${all}…`, saved: "Saved.",
  leftOut: (person, kind, why) => `${person}, ${kind}: ${why}`,
  notSaved: (names, why) => `Not saved: ${namesIn(names, ", ")}. ${why}`,
  savedSome: (saved, all) => `Saved ${saved} of ${all} photos; the others failed or are not looked at yet.`,
};
const CHINESE = {
  skip: "跳到照片", add: "添加照片", offline: "服务没有响应，正在重试…",
  drop: "把照片拖到这里", dropHint: "识别人物、身体部位和服装；试戴帽子、眼镜、首饰，换上别的颜色。", choose: "选择照片",
  privacy: "照片只发送到本服务，在内存中保留十分钟，不会写入磁盘。",
  photos: "照片", photo: "原图", compare: "对比", opacity: "不透明度", colors: "着色",
  compareLabel: "原图与叠加图的分界", pictureLabel: "照片与叠加图；方向键移动指针",
  byLabel: "按部位", byPerson: "按人物", tryonMode: "试穿效果",
  parts: "部位", tryon: "试穿", save: "保存", shown: "显示", showAll: "全部显示", people: "人物",
  who: "给谁", everyone: "所有人", undress: "全部取下", own: "自己的图片", none: "不戴", anyColor: "颜色",
  fitting: "正在试穿…", fitted: "照片已显示试穿效果。",
  hat: "帽子", glasses: "眼镜", earrings: "耳环", necklace: "项链", top: "上衣",
  hair: "头发", bottom: "裤子或裙子", shoes: "鞋子",
  savePhoto: "这张照片", saveAll: "全部照片", allZip: "全部打包为 zip", program: "供程序调用",
  copy: "复制", copied: "已复制", apiDocs: "完整 API", forget: "让服务忘记这张照片",
  saveOverlay: "叠加图", saveColors: "彩色图", saveLabels: "标签图", savePeople: "人物图",
  saveCutout: "抠图", saveJson: "结果", saveZip: "全部文件", saveTryon: "试穿效果", saveMasks: "所有文件",
  tokenTitle: "此服务需要令牌", tokenHint: "请向服务的管理者索取。令牌只保存在此标签页中。", tokenWrong: "服务不接受这个令牌。", tokenLabel: "令牌",
  cancel: "取消", ok: "确定", close: "关闭",
  keys: "键盘", keyWalk: "上一张或下一张照片", keyOverlay: "显示或隐藏叠加图", keyPeople: "按部位或按人物着色",
  keyAdd: "添加照片", keyProbe: "在图上：指向一个像素",
  point: "把指针移到图上，查看那里是什么。",
  waiting: "等待中", uploading: (percent) => `上传 ${percent} %`, working: "识别中…", unreachable: "无法连接",
  busyQueue: "队列已满，等待中", failed: "失败", again: "重试", remove: "移除", found: (count) => `${count} 人`,
  notPicture: "这不是图片。", gone: "服务已不再保留这张照片，请重新添加。",
  lost: (names) => `服务已不再保留 ${namesIn(names, "、")}，请重新添加。`, failedHere: "出错了。",
  tooLarge: "文件超过本服务的大小限制，请换用较小的文件。", isFolder: "这是文件夹，请拖入其中的照片。",
  unreadable: (name) => `无法读取 ${name}；它可能被移动、修改或删除了，请重新添加。`,
  packing: (done, all) => `正在打包 ${done} / ${all}…`, saved: "已保存。",
  leftOut: (person, kind, why) => `${person}，${kind}：${why}`,
  notSaved: (names, why) => `未保存：${namesIn(names, "、")}。${why}`,
  savedSome: (saved, all) => `${all} 张照片中保存了 ${saved} 张；其余的失败了或尚未识别。`,
};
const VIEWER_ENGLISH = { ...words };
const VIEWER_CHINESE = {
  person: (id) => `人物 ${id}`, personHere: (id) => `人物 ${id}`, onNobody: "不属于任何人", onNobodyHere: "不属于任何人",
  noLabel: "无标签", label: (name) => LABELS_CHINESE[name] ?? name, overlay: "叠加图", tryon: "试穿效果",
  nobodyFound: "照片中没有找到人物。", photoGone: "",
};

let chinese = (recall(BROWSER, "m2fp.language") ?? navigator.language).toLowerCase().startsWith("zh");
const listeners = [];

/** The text of a key, in the language that is on. */
export const text = (key, ...values) => {
  const found = (chinese ? CHINESE : ENGLISH)[key];
  return typeof found === "function" ? found(...values) : found;
};
/** What a thing to wear, or a color of hair, is called in the language that is on. */
export const thing = (name) => (chinese && THINGS_CHINESE[name]) || name.replaceAll("_", " ");
/** A sentence of the service in the language that is on; `code` is the class of an error. */
export const sentence = (english, code = "") => (chinese ? inChinese(english, code, text) : english);
/** What went wrong, in the language that is on: the page's own words, or the service's. */
export const explain = (error) => error.say?.() ?? (sentence(error.message, error.code) || text("failedHere"));
/** Call a function whenever the language changes. */
export const onLanguage = (listener) => listeners.push(listener);

const apply = () => {
  document.documentElement.lang = chinese ? "zh-CN" : "en";
  Object.assign(words, chinese ? VIEWER_CHINESE : VIEWER_ENGLISH);
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = text(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = text(element.dataset.label);
  for (const element of document.querySelectorAll("[data-title]")) element.title = element.ariaLabel = text(element.dataset.title);
  $("language").textContent = chinese ? "English" : "中文";
  $("language").lang = chinese ? "en" : "zh";
};
$("language").addEventListener("click", () => {
  chinese = !chinese;
  keep(BROWSER, "m2fp.language", chinese ? "zh" : "en");
  apply();
  listeners.forEach((listener) => listener());
});
apply();
